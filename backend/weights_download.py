"""Fetching the published checkpoints from where their authors put them. Standard library only.

A download goes to FILE.part and becomes FILE only when its length and its SHA-256 are right. What is in FILE.part
is kept through breaks, cancels and kills, and continued as long as the published file is still the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Protocol
from urllib.parse import urlsplit

from . import __version__
from .contract.job import write_json
from .contract.record import read_json
from .errors import UserError

#: Where the checkpoints are published; a mirror with the same paths can take its place.
PUBLISHER = "https://huggingface.co"
MIRROR_VARIABLE = "TOONCRAFTER_WEIGHTS_MIRROR"


@dataclass(frozen=True)
class Published:
    """A published file. path: below the publisher. bytes: about its size, until its server tells it exactly.

    sha256: "" to take the one that the server states for the file.
    """

    title: str
    path: str
    bytes: int
    sha256: str = ""

    @property
    def name(self) -> str:
        """What the file is called."""
        return self.path.rpartition("/")[2]


CHECKPOINTS: Mapping[str, Published] = {
    "model": Published("ToonCrafter's model", "Doubiiu/ToonCrafter/resolve/main/model.ckpt", 10_500_000_000),
    "sketch-encoder": Published(
        "ToonCrafter's sketch encoder", "Doubiiu/ToonCrafter/resolve/main/sketch_encoder.ckpt", 1_500_000_000
    ),
}

_CHUNK_BYTES = 1 << 18
_HASH_BYTES = 1 << 24
_SILENCE_SECONDS = 30.0
#: Connections that break in a row without bringing anything, before giving up, and how long to wait in between.
_ATTEMPTS = 5
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 8.0
_RATE_WINDOW_SECONDS = 8.0
_SPARE_BYTES = 200_000_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEPT = "What has arrived is kept; download again to go on."


class Listener(Protocol):
    """Who follows a download. Every method may raise to end it; what has arrived is kept."""

    def progress(self, done: int, of: int, bytes_per_second: float, seconds_left: float) -> None:
        """Hear how many bytes have arrived; called several times a second. seconds_left: -1 while unknown."""


@dataclass(frozen=True)
class _Stated:
    """What the server says of the file. identity: changes when the file does."""

    address: str
    size: int
    sha256: str
    identity: str


def address_of(published: Published, mirror: str = "") -> str:
    """Return where the file is fetched from. Raises UserError("mirror-invalid") for what is no web address."""
    base = (mirror or os.environ.get(MIRROR_VARIABLE, "") or PUBLISHER).rstrip("/")
    parts = urlsplit(base)
    if parts.scheme not in ("https", "http") or not parts.netloc:
        raise UserError(
            "mirror-invalid",
            f"The mirror “{base.rpartition('@')[2]}” is no web address.",
            "It must look like https://mirror.example.",
        )
    return f"{base}/{published.path}"


def host_of(address: str) -> str:
    """Return the server of an address, to be shown: without a name and password that may stand before it."""
    return urlsplit(address).netloc.rpartition("@")[2]


def download(published: Published, folder: Path, listener: Listener, *, mirror: str = "") -> Path:
    """Fetch a published file into `folder`, continuing what was begun, and return its path.

    Raises UserError: "mirror-invalid", "download-missing" (404), "download-refused" (401, 403), "network-failed",
    "certificate-refused", "download-changed" (other length than stated), "download-corrupted" (other SHA-256),
    "download-unverifiable" (no SHA-256 to compare with), "disk-full", "folder-not-writable".
    """
    address = address_of(published, mirror)
    target = folder / published.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stated = _ask(address, published)
        if _is_whole(target, stated):
            return target
        return _Transfer(stated, target, listener).run()
    except (OSError, http.client.HTTPException) as error:
        raise _explained(error, address, folder) from error


def part_of(published: Published, folder: Path) -> int:
    """Return how many bytes of an unfinished download are there."""
    try:
        return _part(folder / published.name).stat().st_size
    except OSError:
        return 0


class _Hops(urllib.request.HTTPRedirectHandler):
    """Follows redirects, remembers what each said, and never from an encrypted to an open connection."""

    def __init__(self) -> None:
        self.headers: list[Message] = []

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Note the headers; the first server, not the last, knows the file's SHA-256.

        A question that this server has answered goes no further: stores often answer no HEAD.
        """
        self.headers.append(headers)
        if req.get_method() == "HEAD" and _states(headers):
            return None
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise urllib.error.HTTPError(newurl, code, "it leads to an unencrypted address", headers, fp)
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is not None:
            following.method = req.get_method()
        return following


def _open(address: str, method: str, begin: int = 0) -> tuple[http.client.HTTPResponse, list[Message]]:
    hops = _Hops()
    opener = urllib.request.build_opener(hops)
    request = urllib.request.Request(address, method=method)  # noqa: S310 - address_of lets only http(s) through
    request.add_header("User-Agent", f"tooncrafter-blender/{__version__}")
    request.add_header("Accept-Encoding", "identity")
    if begin:
        request.add_header("Range", f"bytes={begin}-")
    response = opener.open(request, timeout=_SILENCE_SECONDS)
    return response, [*hops.headers, response.headers]


def _states(headers: Message) -> bool:
    """Tell whether a server says of a file that lies elsewhere all that has to be known."""
    return "X-Linked-Etag" in headers and "X-Linked-Size" in headers


def _ask(address: str, published: Published) -> _Stated:
    """Ask the server what the file is, without fetching it."""
    try:
        response, said = _open(address, "HEAD")
        response.close()
    except urllib.error.HTTPError as answer:
        if not _states(answer.headers):
            raise
        said = [answer.headers]

    def first(*names: str) -> str:
        return next((value for name in names for headers in said if (value := headers.get(name))), "")

    size = first("X-Linked-Size") or said[-1].get("Content-Length", "")
    etag = first("X-Linked-Etag", "ETag").removeprefix("W/").strip('"')
    sha256 = published.sha256 or (etag if _SHA256.fullmatch(etag) else _beside(address))
    if not sha256:
        raise UserError(
            "download-unverifiable",
            f"{host_of(address)} states no SHA-256 of “{published.name}”, so it cannot be checked.",
            "Use another mirror, or download it yourself and use Locate.",
        )
    if not size.isdigit() or int(size) == 0:
        raise UserError(
            "download-changed", f"{host_of(address)} does not say how large “{published.name}” is.", _KEPT
        )
    return _Stated(address, int(size), sha256, f"{sha256} {size}")


def _beside(address: str) -> str:
    """Return the SHA-256 that a mirror keeps in a file beside, as `sha256sum` writes it; "" without one."""
    with contextlib.suppress(urllib.error.HTTPError):
        response, _ = _open(f"{address}.sha256", "GET")
        with response:
            words = response.read(1024).decode("ascii", "replace").split()
        if words and _SHA256.fullmatch(words[0].lower()):
            return words[0].lower()
    return ""


class _Transfer:
    """One download, over as many connections as it takes."""

    def __init__(self, stated: _Stated, target: Path, listener: Listener) -> None:
        self._stated, self._target, self._listener = stated, target, listener
        self._part = _part(target)
        self._digest = hashlib.sha256()
        self._done = 0
        self._recent: deque[tuple[float, int]] = deque()

    def run(self) -> Path:
        """Fetch what is missing, check the whole, and give it its name."""
        self._take_up()
        self._check_room()
        failures = 0
        while self._done < self._stated.size:
            before = self._done
            try:
                self._fetch()
            except (OSError, http.client.HTTPException) as error:
                if not _may_pass(error):
                    raise
                failures = 1 if self._done > before else failures + 1
                if failures >= _ATTEMPTS:
                    raise
                self._pause(min(_FIRST_PAUSE_SECONDS * 2 ** (failures - 1), _LONGEST_PAUSE_SECONDS))
        if self._digest.hexdigest() != self._stated.sha256:
            self._forget()
            raise UserError(
                "download-corrupted",
                f"“{self._target.name}” arrived whole, but its content is not the published one.",
                "It was deleted. Download again; if this stays, something on the way changes it.",
                bad_input=False,
            )
        self._part.replace(self._target)
        _note(self._target).unlink(missing_ok=True)
        return self._target

    def _take_up(self) -> None:
        """Find what an earlier download of the same file has left, and what its hash is so far."""
        if _read_note(self._target) != self._stated.identity:
            self._forget()
            write_json(_note(self._target), {"identity": self._stated.identity})
            return
        if not self._part.is_file():
            return
        if self._part.stat().st_size > self._stated.size:
            self._part.unlink()
            return
        with self._part.open("rb") as stream:
            while block := stream.read(_HASH_BYTES):
                self._digest.update(block)
                self._done += len(block)
                self._tell(check_only=True)

    def _check_room(self) -> None:
        missing = self._stated.size - self._done
        free = shutil.disk_usage(self._target.parent).free
        if free < missing + _SPARE_BYTES:
            raise UserError(
                "disk-full",
                f"“{self._target.name}” needs {missing / 1e9:.1f} GB more in “{self._target.parent}”, "
                f"but only {free / 1e9:.1f} GB are free.",
                "Make room, or choose another folder for the weights.",
                bad_input=False,
            )

    def _fetch(self) -> None:
        """Fetch over one connection until it ends; raises when it ends early."""
        response, _ = _open(self._stated.address, "GET", self._done)
        with response:
            if self._done and response.status != http.HTTPStatus.PARTIAL_CONTENT:
                self._start_over()  # this server does not continue downloads
            self._check_length(response)
            with self._part.open("ab") as stream:
                while block := response.read1(_CHUNK_BYTES):
                    if self._done + len(block) > self._stated.size:
                        raise self._other_length(self._done + len(block))
                    stream.write(block)
                    self._digest.update(block)
                    self._done += len(block)
                    self._tell()
        if self._done < self._stated.size:
            raise http.client.IncompleteRead(b"", self._stated.size - self._done)

    def _check_length(self, response: http.client.HTTPResponse) -> None:
        told = response.headers.get("Content-Range", "").rpartition("/")[2]
        if not told and (length := response.headers.get("Content-Length")):
            told = str(self._done + int(length)) if length.isdigit() else ""
        if told.isdigit() and int(told) != self._stated.size:
            raise self._other_length(int(told))

    def _other_length(self, length: int) -> UserError:
        self._forget()
        return UserError(
            "download-changed",
            f"The server sends {length:,} bytes as “{self._target.name}”, but stated {self._stated.size:,}.",
            "Download again; if this stays, use another mirror or another network.",
            bad_input=False,
        )

    def _start_over(self) -> None:
        self._part.unlink(missing_ok=True)
        self._digest, self._done = hashlib.sha256(), 0

    def _forget(self) -> None:
        self._part.unlink(missing_ok=True)
        _note(self._target).unlink(missing_ok=True)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._tell(check_only=True)
            time.sleep(min(0.1, left))

    def _tell(self, *, check_only: bool = False) -> None:
        """Report progress, with the rate over the last seconds; `check_only` leaves the rate as it is."""
        now = time.monotonic()
        if not check_only:
            self._recent.append((now, self._done))
            while now - self._recent[0][0] > _RATE_WINDOW_SECONDS and len(self._recent) > 2:
                self._recent.popleft()
        rate = 0.0
        if len(self._recent) > 1 and (spent := self._recent[-1][0] - self._recent[0][0]) > 0:
            rate = (self._recent[-1][1] - self._recent[0][1]) / spent
        left = (self._stated.size - self._done) / rate if rate > 0 else -1.0
        self._listener.progress(self._done, self._stated.size, rate, left)


def _is_whole(target: Path, stated: _Stated) -> bool:
    """Tell whether the file is there already, whole and right."""
    if not target.is_file() or target.stat().st_size != stated.size:
        return False
    with target.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == stated.sha256


def _part(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


def _note(target: Path) -> Path:
    """Where it stands which published file a part belongs to."""
    return target.with_name(f"{target.name}.part.json")


def _read_note(target: Path) -> str:
    try:
        note = read_json(_note(target), 4096)
    except (OSError, ValueError):
        return ""
    return str(note.get("identity", "")) if isinstance(note, dict) else ""


def _may_pass(error: Exception) -> bool:
    """Tell whether trying again soon may help."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code in (408, 425, 429) or error.code >= 500
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return False
    if isinstance(error, urllib.error.URLError | http.client.HTTPException):
        return True
    return isinstance(error, TimeoutError | ConnectionError | ssl.SSLError)


def _explained(error: Exception, address: str, folder: Path) -> UserError:
    """Return what to tell a person about a failure of network or disk."""
    from .environment.complaints import disk_complaint

    host = host_of(address)
    if isinstance(error, urllib.error.HTTPError):
        if error.code in (404, 410):
            return UserError(
                "download-missing",
                f"{host} does not have “{address.rpartition('/')[2]}” (any more).",
                "Set a mirror in the preferences, or download it elsewhere and use Locate.",
            )
        if error.code in (401, 403, 407, 451):
            return UserError(
                "download-refused",
                f"{host}, or a proxy before it, refuses the download ({error.code}).",
                "Ask whoever runs your network, or set a mirror in the preferences.",
            )
        return UserError("network-failed", f"{host} answers {error.code}.", f"Try later. {_KEPT}", bad_input=False)
    if isinstance(getattr(error, "reason", error), ssl.SSLCertVerificationError):
        return UserError(
            "certificate-refused",
            f"{host} showed a certificate that this computer does not trust.",
            "Behind a company proxy, set the variable SSL_CERT_FILE to its certificates.",
            bad_input=False,
        )
    if _may_pass(error):
        return UserError(
            "network-failed",
            f"The connection to {host} failed or broke off.",
            f"Check the internet connection. {_KEPT}",
            bad_input=False,
        )
    assert isinstance(error, OSError)
    return disk_complaint(error, folder)
