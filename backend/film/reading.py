"""Movies in any container that FFmpeg reads, and folders and lists of pictures, read frame by frame."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..contract.picture_files import PICTURE_ENDINGS
from ..errors import UserError
from ..pictures import MAX_PICTURE_PIXELS, picture_size, read_picture

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

#: Endings of movies that are written; any movie that FFmpeg knows is read.
MOVIE_ENDINGS = (".mp4", ".mov", ".mkv", ".webm")
#: A text file that names pictures, one a line: for sequences that are no folder of their own.
LIST_ENDING = ".txt"

#: The rates that films have; a stated one nearer than this is meant.
_LEAST_RATE, _MOST_RATE = Fraction(1), Fraction(1000)
_FINEST_RATE = 1001
#: Rates that frames of uneven length are laid out on, likelier ones first: the lowest that leaves out at most that
#: share of the frames, up to so many times the stated one. Of rates that are nearly alike the better fit is taken.
_USUAL_RATES = (
    *map(Fraction, (24, 25, 30, 12, 15, 48, 50, 60)),
    *(Fraction(rate * 1000, 1001) for rate in (24, 30, 48, 60)),
)
_FASTEST_TIMES = 4
_MOST_LEFT_OUT = 0.01
_ALIKE = Fraction(1005, 1000)
#: Frames are even when none lies farther than this from its place, in frames.
_EVEN_FRAMES = 0.26
#: So many frames are enough to know how even they are.
_FRAMES_TO_JUDGE = 20_000
#: FFmpeg's number for a colour matrix that is not stated, and from how many rows on it is then that of HD.
_UNSAID_MATRIX = 2
_HD_ROWS = 720
#: A damaged stream: after so many packets in a row that cannot be decoded it counts as over.
_MOST_DAMAGED = 200
#: One frame stands for at most so long.
_LONGEST_GAP_SECONDS = 3600
#: A list of pictures is never larger.
_MOST_LIST_BYTES = 64 * 1024 * 1024
#: Frames further in than this are not reached by decoding everything before them.
_FAR_FRAMES = 240


@dataclass(frozen=True)
class Film:
    """A film that can be read from its beginning as often as wanted, one frame in memory at a time.

    size: (width, height) in pixels, the way up that it is shown. rate: frames per second. count: number of frames,
    0 while not known.
    sound: whether it has any. stamp: changes when the file or the folder does. first: how many frames of a movie
    are left out at its beginning. last: the number, from 0, of the last frame that is taken; None: the movie's own.
    turns: quarter turns to the left by which players turn a movie's pictures. aspect: a pixel's width
    by its height.
    """

    path: Path
    size: tuple[int, int]
    rate: Fraction
    count: int
    sound: bool
    stamp: str
    pictures: tuple[Path, ...] = ()
    first: int = 0
    last: int | None = None
    turns: int = 0
    aspect: Fraction = Fraction(1)

    @property
    def missing(self) -> str:
        """A sentence about numbers that are missing in a folder of pictures; "" when none is."""
        if not self.pictures or not self.path.is_dir():
            return ""
        found = [re.findall(r"\d+", path.stem) for path in self.pictures]
        numbers = [int(parts[-1]) for parts in found if parts]
        steps = {after - before for before, after in pairwise(numbers)}
        if len(numbers) < len(found) or len(steps) < 2 or min(steps) < 1:
            return ""
        before, after = next(pair for pair in pairwise(numbers) if pair[1] - pair[0] > min(steps))
        return (
            f"The pictures in “{self.path}” are not numbered without a gap: {after} follows {before}. "
            "They are taken one after another, each for one frame."
        )

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Yield every frame, (height, width, 4) uint8 straight RGBA, at an even rate.

        A frame that a movie leaves out is held, one that comes too early is left out, and one that is damaged is
        held over by the frame before it. Raises UserError("film-unreadable") when nothing can be read.
        """
        return self._pictures() if self.pictures else _movie_frames(self)

    def _pictures(self) -> Iterator[NDArray[np.uint8]]:
        for path in self.pictures:
            picture = read_picture(path)
            if picture.shape[1::-1] != self.size:
                raise UserError(
                    "picture-size",
                    f"“{path}” is {picture.shape[1]} × {picture.shape[0]} pixels, "
                    f"the first picture {self.size[0]} × {self.size[1]}.",
                    "Make all pictures the same size.",
                )
            yield np.rint(picture * 255).astype(np.uint8)


def open_film(path: Path, rate: Fraction | None = None, frames: tuple[int, int] | None = None) -> Film:
    """Look at a movie file, a folder of pictures, or a text file that names pictures, one a line.

    rate: frames per second of the pictures, which do not say it (default 24); for a movie, instead of its own.
    A movie whose frames last unevenly is laid out at the lowest usual rate at which each has a place of its own.
    frames: only these, (first, last) counted from 1.
    Raises UserError: "film-missing", "film-unreadable", "film-empty", "film-needs-av", "frames-invalid".
    """
    if frames and not 1 <= frames[0] <= frames[1]:
        raise UserError("frames-invalid", f"Frames {frames[0]} to {frames[1]} are no part of a film.")
    if path.is_dir():
        return _open_pictures(path, _in_folder(path), rate or Fraction(24), frames)
    if not path.is_file():
        raise UserError("film-missing", f"There is no movie and no folder “{path}”.", "Choose another one.")
    if path.suffix.lower() == LIST_ENDING:
        return _open_pictures(path, _in_list(path), rate or Fraction(24), frames)
    return _open_movie(path, rate, frames)


def _in_folder(folder: Path) -> list[Path]:
    try:
        paths = list(folder.iterdir())
    except OSError as error:
        raise UserError(
            "film-unreadable", f"The folder “{folder}” cannot be read: {error.strerror}.", "Choose another folder."
        ) from error
    pictures = (path for path in paths if path.suffix.lower() in PICTURE_ENDINGS)
    return sorted((path for path in pictures if not path.name.startswith(".")), key=_by_number)


def _in_list(file: Path) -> list[Path]:
    """Return the pictures that a list names, in its order; names without a folder lie beside it."""
    try:
        with file.open("rb") as stream:
            content = stream.read(_MOST_LIST_BYTES + 1)
        if len(content) > _MOST_LIST_BYTES or b"\0" in content:
            raise ValueError("it is no list of names")
        names = content.decode("utf-8").splitlines()
    except (OSError, ValueError) as error:
        raise UserError(
            "film-unreadable", f"The list of pictures “{file}” cannot be read: {error}.", "Write it as UTF-8 text."
        ) from error
    return [file.parent / name for name in names if name.strip()]


def _open_pictures(place: Path, paths: list[Path], rate: Fraction, frames: tuple[int, int] | None) -> Film:
    if frames:
        paths = paths[frames[0] - 1 : frames[1]]
    if not paths:
        raise UserError(
            "film-empty", f"There are no pictures in “{place}”.", "Choose a folder of numbered pictures."
        )
    digest = hashlib.sha256()
    for path in paths:
        try:
            facts = path.stat()
        except OSError as error:
            raise UserError(
                "picture-missing", f"The picture “{path}” is not there.", "Bring it back, or leave it out."
            ) from error
        digest.update(f"{path.name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return Film(place, picture_size(paths[0]), rate, len(paths), False, digest.hexdigest(), tuple(paths))


def _by_number(path: Path) -> list[int | str]:
    """Sort key: frame 9 comes before frame 10 however they are padded."""
    # Every other part is a number; what looks like one besides, such as ², is none.
    return [int(part) if place % 2 else part for place, part in enumerate(re.split(r"(\d+)", path.name))]


def _open_movie(path: Path, rate: Fraction | None, frames: tuple[int, int] | None) -> Film:
    facts = path.stat()
    stamp = hashlib.sha256(f"{facts.st_size}\0{facts.st_mtime_ns}{frames or ''}".encode()).hexdigest()
    with _opened(path) as container:
        stream = _picture_stream(container, path)
        stated = _bounded(rate or stream.average_rate or stream.guessed_rate or Fraction(24))
        size = stream.codec_context.width, stream.codec_context.height
        if size[0] * size[1] > MAX_PICTURE_PIXELS:
            raise UserError(
                "picture-too-large",
                f"The movie “{path}” is {size[0]} × {size[1]} pixels, more than can be drawn.",
                "Make it smaller.",
            )
        aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
        turns = _quarter_turns(container, stream)
        if turns % 2:
            size, aspect = size[::-1], 1 / aspect
        count = int(stream.frames or 0)
        if rate is None and any(
            told and _bounded(told) != stated for told in (stream.guessed_rate, stream.base_rate)
        ):
            stated = _rate_of_times(_times(path), stated)
            count = 0
        first, last = (frames[0] - 1, frames[1] - 1) if frames else (0, None)
        if last is not None:
            count = max(0, min(last + 1, count or last + 1) - first)
        sound = bool(container.streams.audio)
        return Film(path, size, stated, count, sound, stamp, (), first, last, turns, aspect)


def _bounded(rate: Fraction) -> Fraction:
    return min(max(Fraction(rate).limit_denominator(_FINEST_RATE), _LEAST_RATE), _MOST_RATE)


def _times(path: Path) -> list[float]:
    """Return when the first frames of a movie are shown, in seconds, ascending, without decoding them."""
    import av

    times = []
    with _opened(path) as container:
        stream = _picture_stream(container, path)
        try:
            for packet in islice(container.demux(stream), _FRAMES_TO_JUDGE):
                if packet.pts is not None:
                    times.append(float(packet.pts * packet.time_base))
        except av.FFmpegError:
            pass  # what came before the damage is enough
    return sorted(times)


def _rate_of_times(times: list[float], stated: Fraction) -> Fraction:
    """Return the rate at which frames that are shown at those times are read; stated: what the movie says."""
    after = np.array(times) - times[0] if times else np.zeros(1)
    if np.abs(after * float(stated) - np.rint(after * float(stated))).max() <= _EVEN_FRAMES:
        return stated
    rates = [stated, *(rate for rate in _USUAL_RATES if 0.9 * stated < rate <= _FASTEST_TIMES * stated)]
    seen = {rate: len(np.unique(np.rint(after * float(rate)))) for rate in rates}
    fit = [rate for rate in rates if len(after) - seen[rate] <= int(_MOST_LEFT_OUT * len(after))]
    if not fit:
        return max(rates, key=lambda rate: seen[rate])
    alike = [rate for rate in fit if rate <= min(fit) * _ALIKE]
    return min(alike, key=lambda rate: float(np.abs(after * float(rate) - np.rint(after * float(rate))).mean()))


def _quarter_turns(container: InputContainer, stream: VideoStream) -> int:
    """Return by how many quarter turns to the left players turn the pictures: telephones film on their side."""
    frame = next(_decoded(container, stream), None)
    return 0 if frame is None else round(frame.rotation / 90) % 4


def _opened(path: Path) -> InputContainer:
    try:
        import av
    except ImportError as error:
        raise UserError(
            "film-needs-av",
            "Reading movies needs PyAV.",
            "Install it in the drawing environment: pip install 'tooncrafter-blender[film]'",
        ) from error
    try:
        return av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, reason: str) -> UserError:
    return UserError(
        "film-unreadable",
        f"The movie “{path}” cannot be read: {reason[:200]}.",
        "Choose another movie, or convert it.",
    )


def _picture_stream(container: InputContainer, path: Path) -> VideoStream:
    if not container.streams.video:
        raise _unreadable(path, "it has no pictures")
    stream = container.streams.video[0]
    if not stream.codec_context or not stream.codec_context.width:
        raise _unreadable(path, "its pictures have no size")
    stream.thread_type = "AUTO"
    return stream


def _movie_frames(film: Film) -> Iterator[NDArray[np.uint8]]:
    """Yield the wanted frames as pixels; a frame that is held is converted once."""
    wanted = None if film.last is None else film.last + 1 - film.first
    latest: Any = None
    for frame in islice(_even_frames(film, seek=film.first > _FAR_FRAMES), wanted):
        if frame is not latest:
            latest, picture = frame, _pixels(frame, film)
        yield picture
    if latest is None:
        what = f"it has no frame {film.first + 1}" if film.first else "there is no picture in it"
        raise _unreadable(film.path, what)


def _even_frames(film: Film, *, seek: bool) -> Iterator[Any]:
    """Yield decoded frames from number `film.first` on at an even rate.

    seek: jump to shortly before the first, for movies whose times and index allow it.
    """
    with _opened(film.path) as container:
        stream = _picture_stream(container, film.path)
        begin: float | None = None
        due, number = film.first, 0
        held: Any = None
        frames = _decoded(container, stream)
        if seek and (opening := next(frames, None)) and opening.time is not None:
            begin = float(opening.time)
            frames = _decoded_after(container, stream, begin + film.first / float(film.rate) - 1)
        for frame in frames:
            time = float(frame.time) if frame.time is not None else number / float(film.rate)
            begin = time if begin is None else begin
            place = round((time - begin) * float(film.rate))
            if place - due > _LONGEST_GAP_SECONDS * float(
                film.rate
            ):  # a time that is damaged: nobody holds so long
                begin += (place - due) / float(film.rate)
                place = due
            number += 1
            if seek and held is None and place > film.first:  # it jumped too far
                break
            while held is not None and due < place:
                yield held
                due += 1
            if place < due and (held is not None or place < film.first):
                held = frame  # before the first, or too early for a place of its own: it stands for the next one
                continue
            yield frame
            held, due = frame, due + 1
        else:
            if held is not None or not seek:
                return
    yield from _even_frames(film, seek=False)


def _decoded_after(container: InputContainer, stream: VideoStream, seconds: float) -> Iterator[Any]:
    """Yield the frames from the last one on, before that time, that can be decoded by itself."""
    import av

    try:
        container.seek(max(0, int(seconds / float(stream.time_base or 1))), stream=stream)
    except (av.FFmpegError, ValueError):
        return
    yield from _decoded(container, stream)


def _decoded(container: InputContainer, stream: VideoStream) -> Iterator[Any]:
    """Yield the frames that can be decoded, in the order in which they are shown."""
    import av

    damaged = 0
    packets = container.demux(stream)
    while damaged < _MOST_DAMAGED:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.FFmpegError:
            return  # a file that was cut off: what came before is kept
        try:
            yield from packet.decode()
            damaged = 0
        except av.FFmpegError:
            damaged += 1


def _pixels(frame: Any, film: Film) -> NDArray[np.uint8]:
    """Convert by the frame's own matrix; what does not say it is taken as its size suggests, as players do."""
    import av
    from av.video.reformatter import Colorspace

    unsaid = int(frame.colorspace) == _UNSAID_MATRIX
    matrix = (Colorspace.ITU709 if frame.height >= _HD_ROWS else Colorspace.ITU601) if unsaid else None
    width, height = film.size[::-1] if film.turns % 2 else film.size
    try:
        converted = frame.reformat(width=width, height=height, format="rgba", src_colorspace=matrix)
    except (av.FFmpegError, ValueError) as error:
        raise _unreadable(film.path, f"its pictures are of a kind that cannot be converted ({error})") from error
    return np.ascontiguousarray(np.rot90(converted.to_ndarray(), film.turns), np.uint8)
