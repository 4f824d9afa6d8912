"""Weights of Paddle, as ``.pdparams`` files or as the archives of PaddleSeg's backbones, as arrays."""

import gzip
import shutil
import tarfile
import tempfile
from mmap import mmap
from pathlib import Path, PurePosixPath
from typing import Any, Union

import numpy as np
import paddle

from paddleseg_ext.convert.content import is_gzip, is_zip, map_file
from paddleseg_ext.convert.mapped_zip import ALWAYS_ALLOWED, MOST_EXPANSION, MappedZip
from paddleseg_ext.convert.pickle_machine import Global, Machine, Placeholder, placeholder
from paddleseg_ext.convert.refusal import Refused, shown
from paddleseg_ext.engine.checkpoint import read_weights
from paddleseg_ext.errors import UserError

SUFFIX, USUAL_NAME = ".pdparams", "model.pdparams"


def read_pickle(path: Union[str, Path], data: mmap) -> dict:
    """{name: array} of the ``.pdparams`` file ``path``, which ``data`` maps.

    The arrays are copies, and bfloat16 is given as float32.

    Raises:
        Refused, LookupError, TypeError, ValueError, struct.error: It cannot be read.
        UserError: It asks for code, or holds no weights.
    """
    # Python's own machine reads it next. That one refuses code too, but a pickle without any can still exhaust it.
    Machine(data, _screened, _no_persistent_id).run()
    return {name: _array(value) for name, value in read_weights(path).items()}


def read_archive(path: Union[str, Path], data: mmap) -> dict:
    """{name: array} of the one ``.pdparams`` file (or the one ``model.pdparams``) in a tar, tar.gz or zip archive.

    Raises:
        Refused, LookupError, TypeError, ValueError, EOFError, struct.error, zlib.error: It cannot be read.
        UserError: Its weights cannot.
    """
    with tempfile.TemporaryDirectory() as folder:
        unpacked = (_unpack_zip if is_zip(data) else _unpack_tar)(path, data, Path(folder))
        weights = unpacked[_weights_among(list(unpacked))]
        try:
            return read_pickle(weights, map_file(weights))
        except UserError as error:
            raise UserError(str(error).replace(str(weights), f"{path} ({USUAL_NAME})")) from None


def _weights_among(names: list) -> str:
    if len(names) == 1:
        return names[0]
    usual = [name for name in names if PurePosixPath(name).name == USUAL_NAME]
    if len(usual) == 1:
        return usual[0]
    if not names:
        raise Refused(f"is an archive without {SUFFIX} file; name a checkpoint")
    raise Refused(f"is an archive with {len(names)} {SUFFIX} files; unpack it and name one of them")


def _unpack_zip(path: Union[str, Path], data: mmap, folder: Path) -> dict:
    """{member: file} of the ``.pdparams`` files in a zip archive."""
    members = MappedZip(path, data)
    files = {name: folder / f"{index}{SUFFIX}" for index, name in enumerate(members) if name.endswith(SUFFIX)}
    for name, file in files.items():
        file.write_bytes(members[name])
    return files


def _unpack_tar(path: Union[str, Path], data: mmap, folder: Path) -> dict:
    """{member: file} of the ``.pdparams`` files in a tar archive, compressed by gzip or not."""
    files: dict = {}
    try:
        with open(path, "rb") as raw:
            stream = _Bounded(gzip.GzipFile(fileobj=raw) if is_gzip(data) else raw, len(data))
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                for member in archive:
                    if member.name in ("storages", "tensors", "pickle"):
                        raise Refused(
                            "is of the tar format that torch.save wrote before PyTorch 0.1.10, which is not read; "
                            "load it with an old PyTorch and save it again"
                        )
                    if member.isfile() and member.name.endswith(SUFFIX):
                        files[member.name] = folder / f"{len(files)}{SUFFIX}"
                        with archive.extractfile(member) as source, open(files[member.name], "wb") as target:
                            shutil.copyfileobj(source, target)
    # Headers that extend each other are read by recursion.
    except (tarfile.TarError, gzip.BadGzipFile, RecursionError) as error:
        raise Refused(f"is an archive that is damaged or cut short ({shown(error)}); fetch or copy it again") from error
    return files


class _Bounded:
    """A stream that ends with ``Refused`` where no archive of weights would still go on.

    Args:
        size: Bytes of the archive itself.
    """

    def __init__(self, stream: Any, size: int):
        self._stream = stream
        self._size = size
        self._left = ALWAYS_ALLOWED + MOST_EXPANSION * size

    def read(self, size: int) -> bytes:
        self._left -= size
        if self._left < 0:
            raise Refused(f"grows to more than {MOST_EXPANSION} times its {self._size} bytes, which weights cannot do")
        return self._stream.read(size)


def _array(value: Any) -> np.ndarray:
    if isinstance(value, paddle.Tensor):
        value = (value.astype("float32") if value.dtype == paddle.bfloat16 else value).numpy()
    array = np.asarray(value)
    array.flags.writeable = False
    return array


def _screened(module: str, name: str) -> Global:
    """Anything by name: code is refused by ``read_weights``. An array of numpy is made empty and filled later."""
    if (module, name) == ("numpy", "ndarray"):
        return Global("numpy.ndarray", _not_called)
    if name == "_reconstruct":
        return Global(f"{module}.{name}", _empty_array, copies=False)
    return placeholder(f"{module}.{name}")


def _not_called(*_: Any) -> None:
    raise Refused("makes an array other than numpy does, as no Paddle file does; nothing was run")


def _empty_array(kind: Any, shape: Any, code: Any) -> Placeholder:
    if shape != (0,):
        _not_called()
    return Placeholder("numpy.ndarray")


def _no_persistent_id(_: Any) -> None:
    raise Refused("refers to objects outside of it, as no Paddle file does")
