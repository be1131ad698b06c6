"""From what the installer said to what a person can do about it."""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import UserError

KEPT = "What is downloaded already is kept; try again."
#: The installer's words, in the order in which they decide: code, pattern, sentence, hint.
_KNOWN: tuple[tuple[str, str, str, str], ...] = (
    (
        "package-folder-missing",
        r"Failed to read `--find-links` directory",
        "The folder of packages that PIP_FIND_LINKS or UV_FIND_LINKS names cannot be read.",
        "Correct that variable where Blender is started, or remove it, and try again.",
    ),
    (
        "disk-full",
        r"No space left|not enough space|Disk quota|os error (28|112|122)\b",
        "The disk with the folder “{home}” is full.",
        "Make room and try again; nothing that worked before was touched.",
    ),
    (
        "folder-not-writable",
        r"Permission denied|os error 13\b|Access is denied|os error 5\b|Read-only file system|os error 30\b",
        "The folder “{home}” cannot be written to.",
        "Make it writable, or close whatever program is using it, and try again.",
    ),
    (
        "download-corrupted",
        r"Hash mismatch|[Cc]hecksum|[Ff]ailed to (unzip|extract)|[Ii]nvalid zip|corrupt deflate|deflate decompress",
        "A downloaded package does not have the expected content, so it was not used.",
        "Try again. If this stays, a proxy between you and the package index changes downloads.",
    ),
    (
        "certificate-refused",
        r"invalid peer certificate|UnknownIssuer|certificate verify|self.signed certificate|CertificateRequired",
        "The package index showed a certificate that this computer does not trust.",
        "Behind a company proxy, set the variable SSL_CERT_FILE to its certificates and start Blender again.",
    ),
    (
        "network-refused",
        r"\b(401 Unauthorized|403 Forbidden|407 Proxy Authentication|451 )",
        "The package index, or a proxy before it, refused the download.",
        "Ask whoever runs your network, or set HTTPS_PROXY or PIP_INDEX_URL to what it allows.",
    ),
    (
        "network-failed",
        r"dns error|error sending request|tcp connect|[Cc]onnection (refused|reset|closed)|timed? ?out|"
        r"Network is unreachable|unexpected end of file|end of file before message|error decoding response|"
        r"Failed to (download|fetch)|client error|50\d |429 Too Many",
        "The package index could not be reached, or the connection broke off.",
        f"Check the internet connection and the firewall. {KEPT}",
    ),
    (
        "no-package-for-python",
        r"No solution found|no wheels? (with|are)|no usable wheels|requires-python|doesn't have a wheel",
        "There are no ready-made packages for this system and Python {python}.",
        "Name a Python of your own (3.11 to 3.13, 64-bit) in the add-on's preferences.",
    ),
)
#: What the installer says offline when something is not in its cache.
_NOT_CACHED = re.compile(
    r"network (was|is) disabled|not found in the cache|No solution found|--offline|Network connectivity"
)


def not_cached(said: str) -> bool:
    """Tell whether a run without network failed only because something was not downloaded before."""
    return bool(_NOT_CACHED.search(said))


def is_unavailable(error: UserError) -> bool:
    """Tell whether another place to download from may help."""
    return error.code in ("network-failed", "network-refused", "no-package-for-python")


def complaint(said: str, home: Path, python: str) -> UserError:
    """Return the error that explains what the installer said."""
    for code, pattern, sentence, hint in _KNOWN:
        if re.search(pattern, said):
            return UserError(code, sentence.format(home=home, python=python), hint, bad_input=False)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if line.startswith(("error", "×", "╰", "Caused"))), "")
    told = f": {last or lines[-1]}" if lines else ""
    return UserError(
        "install-failed",
        f"The installation did not succeed{told}.",
        "Try again. If this stays, send the report from the preferences.",
        bad_input=False,
    )


def disk_complaint(error: OSError, home: Path) -> UserError:
    """Return the error that explains why the operating system refused something in the folder `home`."""
    known = complaint(f"os error {error.errno}", home, "")
    if known.code in ("disk-full", "folder-not-writable"):
        return known
    return UserError(
        "folder-not-writable",
        f"The folder “{home}” cannot be used: {error.strerror or error}.",
        "Check the disk and try again.",
        bad_input=False,
    )
