"""Downloaded archives and folders, read file by file, so that their files can be put somewhere else."""

import contextlib
import functools
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Callable, Optional, Union

from tqdm import tqdm

from paddleseg_ext.errors import UserError, one_line
from paddleseg_ext.files.whole import write_whole

_CHUNK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError, NotImplementedError)


@dataclass(frozen=True)
class Entry:
    """A file of an archive or of a folder.

    Attributes:
        name: Its path inside the archive, with forward slashes. In a folder the path begins with the folder's name.
        size: Its size in bytes, unpacked.
        source: The archive or folder.
        open: Opens it for reading. In a compressed tar this works only until the next entry is read.
        path: Its place on disk if it comes from a folder.
    """

    name: str
    size: int
    source: Path
    open: Callable[[], IO[bytes]]
    path: Optional[Path] = None

    def read(self) -> bytes:
        """The whole content.

        Raises:
            UserError: The archive is damaged here.
        """
        with _damage_named(self.source), self.open() as stream:
            content = stream.read()
        self._require(len(content))
        return content

    def place(self, target: Path) -> bool:
        """Put the file at ``target``, whole or not at all. A file of the same size that is already there is kept.

        A file on the same disk becomes a hard link, which takes no space. Other files are written.

        Returns:
            Whether ``target`` is new.

        Raises:
            UserError: The archive is damaged here, or ``target`` cannot be written.
        """
        if target.is_file() and target.stat().st_size == self.size:
            return False
        try:
            if self.path is None or not _link(self.path, target):
                with write_whole(target) as temporary:
                    self._copy(temporary)
        except OSError as error:
            raise UserError(
                f"{target} cannot be written: {error.strerror or error}; make room, or choose another folder."
            ) from error
        return True

    def _copy(self, path: Path) -> None:
        written = 0
        with _damage_named(self.source), contextlib.ExitStack() as stack:
            stream = stack.enter_context(self.open())
            out = stack.enter_context(open(path, "wb"))
            for chunk in iter(lambda: stream.read(_CHUNK), b""):
                written += out.write(chunk)
        self._require(written)

    def _require(self, size: int) -> None:
        if size != self.size:
            raise UserError(_damaged(self.source, f"{self.name} has {size} bytes instead of {self.size}"))


def matching(source: Union[str, Path], pattern: str) -> Iterator[tuple[Entry, str]]:
    """The files of an archive or folder that a data set needs. A terminal shows a progress bar.

    Args:
        source: A .zip, .tar, .tgz or .tar.gz file, or a folder.
        pattern: A regular expression that is searched in the names. Its first group is the path to give the file.

    Yields:
        The ``Entry`` and the first group. Links and special files are left out, so nothing can point out of the target.

    Raises:
        UserError: The archive is damaged or of another kind, a path in it leads outside, or no name matches.
    """
    source = Path(source)
    wanted = re.compile(pattern)
    found = 0
    with contextlib.ExitStack() as stack:
        with _damage_named(source):
            total, entries = _open(source, stack)
        bar = stack.enter_context(
            tqdm(total=total, unit="B", unit_scale=True, unit_divisor=1024, desc=source.name, disable=None)
        )
        while True:
            with _damage_named(source):
                step = next(entries, None)
            if step is None:
                break
            entry, position = step
            match = wanted.search(entry.name)
            if match:
                found += 1
                yield entry, _safe(source, match[1])
            bar.update(position - bar.n)
    if not found:
        raise UserError(f"{source} holds no file of this data set; check that it is the right download.")


def find_sources(given: Sequence[Union[str, Path]], names: Sequence[str]) -> list[Path]:
    """The archives and folders, among those that the user gave, that hold a part of a data set.

    Args:
        given: Archives and folders. One that has one of the ``names`` is a part. In another folder the parts are looked
            for by their names.
        names: File names of archives and names of unpacked folders.

    Raises:
        UserError: A given path does not exist.
    """
    found: list[Path] = []
    for path in map(Path, given):
        if not path.exists():
            raise UserError(f"{path} does not exist; give the archives, or the folder that holds them.")
        if path.name in names or path.resolve().name in names:
            found.append(path)
        elif path.is_dir():
            found += [path / name for name in names if (path / name).exists()]
    return found


# Entries with the number of bytes read so far when each of them is done.
_Entries = Iterator[tuple[Entry, int]]


def _open(source: Path, stack: contextlib.ExitStack) -> tuple[int, _Entries]:
    """The number of bytes to read, and the entries."""
    if source.is_dir():
        paths = sorted(Path(folder) / name for folder, _, names in os.walk(source, followlinks=True) for name in names)
        files = [(path, path.stat().st_size) for path in paths if path.is_file()]
        return sum(size for _, size in files), _folder(source, files)
    if zipfile.is_zipfile(source):
        archive = stack.enter_context(zipfile.ZipFile(source))
        infos = [info for info in archive.infolist() if not info.is_dir()]
        return sum(info.compress_size for info in infos), _zip(source, archive, infos)
    raw = stack.enter_context(open(source, "rb"))  # noqa: SIM115
    tar = stack.enter_context(tarfile.open(fileobj=raw))  # noqa: SIM115
    return source.stat().st_size, _tar(source, tar, raw)


def _folder(source: Path, files: list[tuple[Path, int]]) -> _Entries:
    done = 0
    for path, size in files:
        done += size
        name = f"{source.resolve().name}/{path.relative_to(source).as_posix()}"
        opening = functools.partial(path.open, "rb")
        yield Entry(name, size, source, opening, path), done  # type: ignore[arg-type]  # mypy takes "rb" for text


def _zip(source: Path, archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo]) -> _Entries:
    done = 0
    for info in infos:
        done += info.compress_size
        yield Entry(info.filename, info.file_size, source, functools.partial(archive.open, info)), done


def _tar(source: Path, archive: tarfile.TarFile, raw: IO[bytes]) -> _Entries:
    for member in archive:
        if member.isreg():
            # For a regular file extractfile never gives None.
            opening = functools.partial(archive.extractfile, member)
            yield Entry(member.name, member.size, source, opening), raw.tell()  # type: ignore[arg-type]
    # tarfile accepts a missing or cut header as the end. The real end is two blocks of zeros.
    read = archive.fileobj.tell() - archive.offset
    if read < tarfile.BLOCKSIZE or archive.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError("it ends without an end mark")
    # gzip's checksum comes after the last record. Reading to the end checks it.
    while archive.fileobj.read(_CHUNK):
        pass


def _safe(source: Path, relative: str) -> str:
    parts = PurePosixPath(relative).parts
    if not parts or ".." in parts or relative.startswith("/") or "\\" in relative:
        raise UserError(
            f"{source} holds the path {relative!r}, which leads outside its folder; do not use this archive."
        )
    return relative


def _link(path: Path, target: Path) -> bool:
    """Make a hard link; False where the file system cannot."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        target.unlink()
    try:
        os.link(path.resolve(), target)
    except OSError:
        return False
    return True


@contextlib.contextmanager
def _damage_named(source: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise UserError(_damaged(source, one_line(error))) from error
    except OSError as error:
        # gzip's own errors have no number. A full disk or a missing right has one, and is reported unchanged.
        if error.errno is not None:
            raise
        raise UserError(_damaged(source, str(error))) from error


def _damaged(source: Path, reason: str) -> str:
    return f"{source} is damaged, cut off, or no .zip or .tar archive ({reason}); download it again."


def is_whole_png(path: Path) -> bool:
    """Return whether a PNG file is complete, that is, ends with its end mark."""
    try:
        with open(path, "rb") as file:
            file.seek(-12, os.SEEK_END)
            return file.read() == b"\0\0\0\0IEND\xaeB`\x82"
    except OSError:
        return False
