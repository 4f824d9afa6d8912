"""Archives and folders as a user downloads them, read file by file and laid out somewhere else."""

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
from typing import BinaryIO, Callable, Optional, Union

from tqdm import tqdm

from paddleseg_ext.errors import UserError, one_line
from paddleseg_ext.files.whole import write_whole

_CHUNK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, RuntimeError, NotImplementedError)


@dataclass(frozen=True)
class Entry:
    """A file of an archive or of a folder.

    Attributes:
        name: Its path in there, with forward slashes; of a folder's file it begins with the folder's name.
        size: In bytes, unpacked.
        source: The archive or folder.
        open: Opens it for reading; of a compressed tar only until the next entry is asked for.
        path: Where it is on disk, if it comes from a folder.
    """

    name: str
    size: int
    source: Path
    open: Callable[[], BinaryIO]
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
        """Put the file at ``target``, whole or not at all; one of the same size that is there already is kept.

        A file on the same disk is hard-linked, which takes no space; others are written.

        Returns:
            Whether anything was done.

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
            raise UserError(f"{target} cannot be written: {error.strerror or error}.") from error
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


def matching(source: Union[str, Path], pattern: str) -> Iterator[tuple]:
    """The files of an archive or folder that a data set needs, with a progress bar on a terminal.

    Args:
        source: A .zip, .tar, .tgz or .tar.gz file, or a folder.
        pattern: A regular expression, searched in the names; its first group is the path to give the file.

    Yields:
        (``Entry``, the first group). Links and special files are left out, so nothing can point out of the target.

    Raises:
        UserError: No such archive, one of another kind, a damaged one, a path that leads outside, or no match at all.
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
        raise UserError(f"{source} holds no file of this data set; is it another download?")


def find_sources(given: Sequence[Union[str, Path]], names: Sequence[str]) -> list:
    """Which of what the user gave holds a part of a data set.

    Args:
        given: Archives, which are taken as they are if they bear one of the ``names``, and folders, which are such a
            part, or hold one or more.
        names: File names of archives and names of unpacked folders.

    Raises:
        UserError: Something given does not exist.
    """
    found = []
    for path in map(Path, given):
        if not path.exists():
            raise UserError(f"{path} does not exist; give the archives, or the folder that holds them.")
        if path.name in names or path.resolve().name in names:
            found.append(path)
        elif path.is_dir():
            found += [path / name for name in names if (path / name).exists()]
    return found


def _open(source: Path, stack: contextlib.ExitStack) -> tuple:
    """The size in bytes of what there is to read, and an iterator over (Entry, bytes read when it is done)."""
    if source.is_dir():
        files = sorted(Path(folder) / name for folder, _, names in os.walk(source, followlinks=True) for name in names)
        files = [(path, path.stat().st_size) for path in files if path.is_file()]
        return sum(size for _, size in files), _folder(source, files)
    if zipfile.is_zipfile(source):
        archive = stack.enter_context(zipfile.ZipFile(source))
        infos = [info for info in archive.infolist() if not info.is_dir()]
        return sum(info.compress_size for info in infos), _zip(source, archive, infos)
    raw = stack.enter_context(open(source, "rb"))  # noqa: SIM115
    archive = stack.enter_context(tarfile.open(fileobj=raw))  # noqa: SIM115
    return source.stat().st_size, _tar(source, archive, raw)


def _folder(source: Path, files: list) -> Iterator[tuple]:
    done = 0
    for path, size in files:
        done += size
        name = f"{source.resolve().name}/{path.relative_to(source).as_posix()}"
        yield Entry(name, size, source, functools.partial(open, path, "rb"), path), done


def _zip(source: Path, archive: zipfile.ZipFile, infos: list) -> Iterator[tuple]:
    done = 0
    for info in infos:
        done += info.compress_size
        yield Entry(info.filename, info.file_size, source, functools.partial(archive.open, info)), done


def _tar(source: Path, archive: tarfile.TarFile, raw: BinaryIO) -> Iterator[tuple]:
    for member in archive:
        if member.isreg():
            yield Entry(member.name, member.size, source, functools.partial(archive.extractfile, member)), raw.tell()
    # tarfile takes a header that is cut off or no header for the end. The real end is a block of zeros, and another.
    read = archive.fileobj.tell() - archive.offset
    if read < tarfile.BLOCKSIZE or archive.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError("it ends without an end mark")
    # gzip's checksum stands behind what fills up the last record.
    while archive.fileobj.read(_CHUNK):
        pass


def _safe(source: Path, relative: str) -> str:
    parts = PurePosixPath(relative).parts
    if not parts or ".." in parts or relative.startswith("/") or "\\" in relative:
        raise UserError(f"{source} holds the path {relative!r}, which leads outside its folder; do not trust it.")
    return relative


def _link(path: Path, target: Path) -> bool:
    """Hard-link; False where the file system cannot."""
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
        # gzip's own complaint has no number; a full disk or a missing right has one and is told as what it is.
        if error.errno is not None:
            raise
        raise UserError(_damaged(source, str(error))) from error


def _damaged(source: Path, reason: str) -> str:
    return f"{source} is damaged, cut off, or no .zip or .tar archive ({reason}); download it again."


def is_whole_png(path: Path) -> bool:
    """Whether a PNG file is there to its end mark."""
    try:
        with open(path, "rb") as file:
            file.seek(-12, os.SEEK_END)
            return file.read() == b"\0\0\0\0IEND\xaeB`\x82"
    except OSError:
        return False
