"""Downloads that show their progress and continue where an interrupted one stopped."""

import re
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Optional
from urllib.parse import unquote, urlparse

_SECONDS_WITHOUT_ANSWER = 15
_CHUNK = 1 << 18
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class DownloadFailed(Exception):
    """A download failed. The message is the reason, as a part of a sentence."""


def name_of(url: str) -> str:
    """The name of the file at ``url``: the last part of its path."""
    return unquote(urlparse(url).path.rsplit("/", 1)[-1])


def download(url: str, path: Path) -> None:
    """Download ``url`` to ``path``, whole or not at all.

    ``path.part`` holds the bytes until the file is whole. If a download breaks off, the next call continues from there,
    provided that the server still has the same file. Progress goes to stderr.

    Raises:
        DownloadFailed: There is no network, the file does not exist, or the connection broke.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _fetch(url, path)
    except (OSError, ValueError, HTTPException) as error:
        raise DownloadFailed(str(getattr(error, "reason", None) or error) or type(error).__name__) from error


def _fetch(url: str, path: Path) -> None:
    part, tag = (path.with_name(f"{path.name}.{suffix}") for suffix in ("part", "part.etag"))
    request = urllib.request.Request(url)
    have = part.stat().st_size if part.is_file() and tag.is_file() else 0
    if have:
        # The server sends the rest if its file is unchanged, else the whole new file.
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", tag.read_text(encoding="utf-8"))
    try:
        answer = urllib.request.urlopen(request, timeout=_SECONDS_WITHOUT_ANSWER)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        # The server has no bytes after these. The file may be another one now: start again.
        part.unlink()
        return _fetch(url, path)
    with answer:
        total = _total(answer, have)
        if answer.status != 206:
            have = 0
        etag = answer.headers.get("ETag")
        if etag is not None and not etag.startswith("W/"):
            tag.write_text(etag, encoding="utf-8")
        else:
            tag.unlink(missing_ok=True)
        progress = _Progress(path.name, have, total)
        with open(part, "ab" if have else "wb") as file:
            for chunk in iter(lambda: answer.read(_CHUNK), b""):
                file.write(chunk)
                have += len(chunk)
                progress.show(have)
        progress.end()
    if total is not None and have != total:
        raise OSError(f"only {have} of {total} bytes arrived")
    part.replace(path)
    tag.unlink(missing_ok=True)


def _total(answer: HTTPResponse, have: int) -> Optional[int]:
    """Size of the whole file in bytes; None if the server does not say it."""
    if answer.status == 206:
        match = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != have:
            raise OSError("the server sent a part that was not requested")
        return int(match[2])
    length = answer.headers.get("Content-Length")
    return None if length is None else int(length)


class _Progress:
    """Progress on stderr: one line that changes on a terminal, else a line for every quarter of the file."""

    def __init__(self, name: str, have: int, total: Optional[int]) -> None:
        self.name, self.start, self.total = name, have, total
        self.began = self.shown = time.monotonic()
        self.quarter = 0 if total is None else 4 * have // max(total, 1)
        self.terminal = sys.stderr.isatty()

    def show(self, have: int) -> None:
        """Report ``have`` bytes if the last report is old enough."""
        now = time.monotonic()
        if self.terminal and now - self.shown > 0.2:
            self.shown = now
            print(f"\r{self._line(have, now)}\x1b[K", end="", file=sys.stderr, flush=True)
        elif not self.terminal and self.total and 4 * have // self.total > self.quarter:
            self.quarter = 4 * have // self.total
            print(self._line(have, now), file=sys.stderr, flush=True)

    def end(self) -> None:
        """Clear the line on a terminal."""
        if self.terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _line(self, have: int, now: float) -> str:
        speed = (have - self.start) / max(now - self.began, 1e-3)
        share = f"{100 * have // self.total:3d} % of {self.total / 1e6:.1f}" if self.total else f"{have / 1e6:.1f}"
        return f"{self.name}: {share} MB, {speed / 1e6:.1f} MB/s"
