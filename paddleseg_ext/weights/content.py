"""The format of a file, by its first bytes and never by its name."""

import errno
import io
import os
import stat
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Optional, Union

from paddleseg_ext.weights.refusal import Refused

ZIP = (b"PK\x03\x04", b"PK\x05\x06")
# torch.save's magic number, as a pickle of protocol 2 or later and of an earlier one writes it.
_LEGACY_TORCH = (bytes.fromhex("8a0a6cfc9c46f9206aa850192e"), b"L119547037146038801333356L\n.")
_OTHER_FORMATS = (
    (b"version https://git-lfs", "a Git LFS pointer, which stands for the real file; fetch that with git lfs pull"),
    (b"\x89PNG", "a PNG image; name a checkpoint"),
    (b"\xff\xd8\xff", "a JPEG image; name a checkpoint"),
    (b"GIF8", "a GIF image; name a checkpoint"),
    (b"BM", "a BMP image; name a checkpoint"),
    (b"%PDF", "a PDF document; name a checkpoint"),
    (b"\x89HDF", "an HDF5 file, as Keras writes; give a checkpoint of PyTorch, safetensors or Paddle"),
    (b"\x93NUMPY", "a numpy array; give a checkpoint of PyTorch, safetensors or Paddle"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (b"\x1f\x8b", "an archive; unpack it first"),
    (b"PK\x03\x04", "an archive; unpack it first"),
    (b"\xfd7zXZ", "an xz archive; unpack it first"),
    (b"BZh", "a bzip2 archive; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstandard archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"\x7fELF", "a program; name a checkpoint"),
)


def map_file(path: Union[str, Path]) -> mmap:
    """Return a read-only memory map of ``path``.

    Raises:
        Refused: The file does not exist, or it is a folder, a device or empty.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise Refused("does not exist; check the path") from None
    if stat.S_ISDIR(mode):
        raise Refused("is a folder; name the checkpoint file in it")
    if not stat.S_ISREG(mode):
        raise Refused("is not a regular file; name a checkpoint")
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise Refused("is empty; fetch or copy it again")
        return mmap(file.fileno(), 0, access=ACCESS_READ)


class MapStream(io.RawIOBase):
    """A memory map as a stream, for readers of archives, so that no file is opened twice.

    Args:
        data: The map.
        most_at_once: The reader of an honest archive never asks for more bytes at once. None is no limit.

    Raises:
        Refused: ``read`` is asked for more than ``most_at_once`` bytes.
    """

    def __init__(self, data: mmap, most_at_once: Optional[int] = None) -> None:
        self._data, self._at, self._most = data, 0, most_at_once

    def readable(self) -> bool:
        """Return True: a content can be read and sought."""
        return True

    def seekable(self) -> bool:
        """Return True: a content can be read and sought."""
        return True

    def tell(self) -> int:
        """Return the place where the next ``read`` begins."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move as in a file. A place before the beginning is an ``OSError``, as in a file."""
        at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: len(self._data)}[whence]
        if at < 0:
            raise OSError(errno.EINVAL, "a place before the beginning of the file")
        self._at = at
        return at

    def read(self, size: Optional[int] = -1) -> bytes:
        """Return up to ``size`` bytes; the rest of the file if it is None or negative."""
        if self._most is not None and size is not None and size > self._most:
            raise Refused("is a zip archive with a directory too large to be true; it is damaged, use another copy")
        end = len(self._data) if size is None or size < 0 else self._at + size
        taken = self._data[self._at : end]
        self._at += len(taken)
        return taken


def is_zip(data: mmap) -> bool:
    """Return whether ``data`` begins like a zip archive. torch.save writes them since PyTorch 1.6."""
    return data[:4] in ZIP


def is_legacy_torch(data: mmap) -> bool:
    """Return whether ``data`` begins like a file that torch.save wrote before PyTorch 1.6."""
    return any(magic in data[:48] for magic in _LEGACY_TORCH)


def is_gzip(data: mmap) -> bool:
    """Return whether ``data`` begins like a gzip file."""
    return data[:2] == b"\x1f\x8b"


def is_tar(data: mmap) -> bool:
    """Return whether ``data`` begins like a tar archive."""
    return data[257:262] == b"ustar"


def is_pickle(data: mmap) -> bool:
    """Return whether ``data`` begins like a pickle of protocol 2 to 5."""
    return data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def is_safetensors(data: mmap) -> bool:
    """Return whether ``data`` begins like a safetensors file: the length of a header in JSON, and the header."""
    return data[8:9] == b"{" and int.from_bytes(data[:8], "little") < 1 << 40


def describe(data: mmap) -> str:
    """Name the format of ``data`` that is no checkpoint: the rest of a sentence that begins with "FILE is"."""
    head = data[:4096]
    for start, what in _OTHER_FORMATS:
        if head.startswith(start):
            return what
    text = _as_text(head)
    if text is None:
        # Field 1 of an ONNX protobuf is a version, field 2 is the name of the writer.
        if head[:1] == b"\x08" and head[2:3] == b"\x12":
            return "an ONNX model; give the checkpoint that it was exported from"
        return "neither a PyTorch, a safetensors nor a Paddle file; check that it is the checkpoint, and complete"
    beginning = text.lstrip().lower()
    if beginning.startswith(("<!doctype", "<html", "<?xml", "<head")):
        return "a web page, perhaps from a download that failed; fetch the file again"
    return "a text file; name a checkpoint, or fetch the file again if it should be one"


def _as_text(head: bytes) -> Optional[str]:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The piece may end inside a character.
        if error.start < len(head) - 3:
            return None
        text = head[: error.start].decode("utf-8")
    return None if any(ord(letter) < 32 and letter not in "\t\n\r\f" for letter in text) else text
