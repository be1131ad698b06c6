"""A movie from frames, with the sound of another movie; whole or absent."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .reading import MOVIE_ENDINGS

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

_HD_ROWS = 720
#: Near the limit of what an eye can tell from the frames.
_H264 = {"crf": "12", "preset": "medium"}
_VP9 = {"crf": "18", "b:v": "0", "deadline": "good", "cpu-used": "4"}
#: What each container can hold as it is; other sound is encoded anew.
_KEPT_SOUND = {
    ".mp4": ("aac", "mp3", "ac3", "eac3", "alac"),
    ".mov": ("aac", "mp3", "ac3", "alac", "pcm_s16le", "pcm_s24le"),
    ".webm": ("opus", "vorbis"),
}


@dataclass(frozen=True)
class Sound:
    """Where the sound comes from: a movie's first sound stream, as it is where the new container can hold it.

    begin: what is heard before that time of the movie, in seconds, is left out. seconds: how much is taken; None:
    all.
    """

    path: Path
    begin: Fraction = Fraction(0)
    seconds: Fraction | None = None


def check_movie_name(path: Path) -> None:
    """Refuse a name that `write_movie` cannot serve: UserError("video-format")."""
    if path.suffix.lower() not in MOVIE_ENDINGS:
        raise UserError("video-format", f"“{path.name}” must end in {', '.join(MOVIE_ENDINGS)}, or be a folder.")


def write_movie(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    rate: Fraction,
    size: tuple[int, int],
    sound: Sound | None = None,
    desk: Path | None = None,
    aspect: Fraction = Fraction(1),
) -> None:
    """Write frames of one size, (height, width, 3) uint8 RGB, as H.264, in .webm as VP9.

    The file appears under its name when it is whole. size: (width, height). desk: a folder on the same disk where
    it grows meanwhile, so that whoever clears that away clears away what a kill has left. aspect: a pixel's width
    by its height. Raises OSError when the disk refuses, UserError("video-format") for a name with another ending.
    """
    import av

    check_movie_name(path)
    temporary = _growing(path, desk)
    try:
        with av.open(str(temporary), "w") as container, contextlib.ExitStack() as open_files:
            stream = _picture_stream(container, path.suffix.lower(), rate, size)
            stream.codec_context.sample_aspect_ratio = aspect
            passing = _PassingSound.of(container, sound, path.suffix.lower(), open_files) if sound else None
            for number, frame in enumerate(frames):
                _put(container, stream, frame, number)
                if passing:
                    passing.until(float((number + 1) / rate))
            container.mux(stream.encode(None))
            if passing:
                passing.until(None)
        temporary.replace(path)
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_sound(path: Path, sound: Sound, desk: Path | None = None) -> None:
    """Write a movie's sound alone, as it is, into a Matroska file; whole or absent. Raises OSError.

    desk: as of a movie.
    """
    import av

    temporary = _growing(path, desk)
    try:
        with av.open(str(temporary), "w") as container, contextlib.ExitStack() as open_files:
            passing = _PassingSound.of(container, sound, path.suffix.lower(), open_files)
            if passing is None:
                return
            passing.until(None)
        temporary.replace(path)
    except av.FFmpegError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _growing(path: Path, desk: Path | None) -> Path:
    return (desk or path.parent) / f".{path.stem}.{uuid.uuid4().hex}{path.suffix}"


def _picture_stream(container: OutputContainer, ending: str, rate: Fraction, size: tuple[int, int]) -> VideoStream:
    codec, options = ("libvpx-vp9", _VP9) if ending == ".webm" else ("libx264", _H264)
    stream: Any = container.add_stream(codec, rate=rate, options=dict(options))
    stream.width, stream.height = size
    # Half the colour resolution is what every player shows; it needs even sides.
    stream.pix_fmt = "yuv420p" if size[0] % 2 == 0 and size[1] % 2 == 0 else "yuv444p"
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = 1 if size[1] >= _HD_ROWS else 6
    context.color_range = 1
    made: VideoStream = stream
    return made


def _put(container: OutputContainer, stream: VideoStream, frame: NDArray[np.uint8], number: int) -> None:
    import av
    from av.video.reformatter import ColorRange, Colorspace

    matrix = Colorspace.ITU709 if frame.shape[0] >= _HD_ROWS else Colorspace.ITU601
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24").reformat(
        format=stream.pix_fmt, dst_colorspace=matrix, dst_color_range=ColorRange.MPEG
    )
    picture.pts = number
    container.mux(stream.encode(picture))


class _PassingSound:
    """Sound on its way from one movie to another, kept up with the pictures so that neither waits in memory."""

    def __init__(
        self,
        container: OutputContainer,
        packets: Any,
        target: Any,
        again: bool,
        begin: Fraction,
        seconds: Fraction | None,
    ) -> None:
        self._container, self._packets, self._target, self._again = container, packets, target, again
        self._begin, self._seconds = begin, seconds
        self._next: Any = None
        self._over = False

    @classmethod
    def of(
        cls, container: OutputContainer, sound: Sound, ending: str, open_files: contextlib.ExitStack
    ) -> _PassingSound | None:
        """Return the way for a movie's sound; None when it has none."""
        import av

        source = open_files.enter_context(av.open(str(sound.path)))
        if not source.streams.audio:
            return None
        stream = source.streams.audio[0]
        again = stream.codec_context.name not in _KEPT_SOUND.get(ending, (stream.codec_context.name,))
        if again:
            target: Any = container.add_stream("libopus" if ending == ".webm" else "aac", rate=48000)
        else:
            target = container.add_stream_from_template(stream)
        pictures = source.streams.video[0] if source.streams.video else stream
        begin = Fraction(pictures.start_time or 0) * Fraction(pictures.time_base or 1) + sound.begin
        return cls(container, source.demux(stream), target, again, begin, sound.seconds)

    def until(self, seconds: float | None) -> None:
        """Pass on what is heard before that time; None: all that is left."""
        while not self._over:
            packet = self._next or next(self._packets, None)
            self._next = None
            if packet is None or packet.dts is None:
                self._over = packet is None
                continue
            heard = packet.dts * packet.time_base - self._begin
            if self._seconds is not None and heard >= self._seconds:
                self._over = True
                break
            if seconds is not None and heard > seconds:
                self._next = packet
                return
            if packet.pts * packet.time_base >= self._begin:  # what is heard before the first picture is left out
                self._pass(packet)
        if self._over and self._again and self._target is not None:
            self._container.mux(self._target.encode(None))
            self._target = None

    def _pass(self, packet: Any) -> None:
        if self._again:
            for frame in packet.decode():
                frame.pts = None
                self._container.mux(self._target.encode(frame))
        else:
            late = round(self._begin / packet.time_base)
            packet.pts, packet.dts = packet.pts - late, packet.dts - late
            packet.stream = self._target
            self._container.mux(packet)
