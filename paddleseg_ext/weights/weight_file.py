"""Any file of weights, opened once, by what is in it.

Everything in this package that reads weights goes through this file. Nothing in a file is run, nothing is imported for
it, and its depth, its size and the time it takes are bounded.
"""

from mmap import mmap
from pathlib import Path
from typing import Any, Union

from paddleseg_ext.weights import content, paddle_file, safetensors_file, torch_file
from paddleseg_ext.weights.mapped_zip import MappedZip
from paddleseg_ext.weights.paddle_file import Tensor
from paddleseg_ext.weights.refusal import Refused, naming, shown

# What a file of PyTorch is called.
TORCH_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")


def open_checkpoint(path: Union[str, Path]) -> Any:
    """What the checkpoint ``path`` holds, with each tensor as a read-only numpy array.

    Read are the files of torch.save (both formats), safetensors, ``.pdparams``, and archives (``.tar.gz``, ``.tar``,
    ``.zip``) of one ``.pdparams``, whatever their names. Those of torch.save may hold more than weights, see
    ``torch_file.read``; all others give {name: array}.

    Raises:
        UserError: It is missing, damaged, none of these, or asks for more than data.
    """
    with naming(path):
        data = content.map_file(path)
        if content.is_safetensors(data):
            return safetensors_file.read_map(data)
        if content.is_legacy_torch(data):
            return torch_file.read_legacy(data)
        if content.is_zip(data):
            members = MappedZip(data)
            if torch_file.is_among(members):
                return torch_file.read_zip(members)
        return {name: tensor.numbers for name, tensor in paddle_file.read_tensors(_paddle_pickle(data)).items()}


def open_paddle_weights(path: Union[str, Path]) -> dict[str, Tensor]:
    """The weights in a ``.pdparams`` file, or in an archive of one, by name.

    Raises:
        UserError: It is missing, damaged, asks for more than data, or is of PyTorch: then the sentence names the
            converter.
    """
    with naming(path):
        _refuse_torch_name(path)
        data = content.map_file(path)
        if content.is_safetensors(data) or content.is_legacy_torch(data):
            raise _convert_first(path)
        return paddle_file.read_tensors(_paddle_pickle(data, path))


def open_paddle_state(path: Union[str, Path]) -> dict[str, Any]:
    """The state in a ``.pdopt`` file: tensors by name, and the dicts and plain values beside them.

    Raises:
        UserError: It is missing, damaged, holds no such state or asks for more than data.
    """
    with naming(path):
        data = content.map_file(path)
        if not content.is_pickle(data):
            raise Refused(f"is {content.describe(data)}")
        state = paddle_file.read_state(data)
        if type(state) is not dict or not all(type(name) is str for name in state):
            raise Refused("does not hold the state of an optimizer; resume from another checkpoint")
        return state


def refuse_torch_name(path: Union[str, Path]) -> None:
    """Raise the ``UserError`` that names the converter if ``path`` is a file of PyTorch by its name."""
    with naming(path):
        _refuse_torch_name(path)


def _refuse_torch_name(path: Union[str, Path]) -> None:
    if Path(path).suffix in TORCH_SUFFIXES:
        raise _convert_first(path)


def _convert_first(path: Union[str, Path]) -> Refused:
    return Refused(
        f"is a checkpoint of PyTorch; convert it first: python -m paddleseg_ext.convert {path} --config FILE.yml "
        "--output FILE.pdparams"
    )


def _paddle_pickle(data: mmap, torch_path: Union[str, Path, None] = None) -> Union[bytes, mmap]:
    """The pickle that ``paddle.save`` wrote, taken out of its archive if it is in one.

    Args:
        torch_path: The file, if an archive of torch.save has to be converted first; None if there is none.
    """
    if content.is_zip(data):
        members = MappedZip(data)
        if torch_path is not None and torch_file.is_among(members):
            raise _convert_first(torch_path)
        if any(name.endswith(paddle_file.SUFFIX) for name in members):
            return paddle_file.pickle_in_zip(members)
        first = shown(next(iter(members), "nothing"), 40)
        raise Refused(f"is a zip archive that holds {first} and no weights; name a checkpoint")
    if content.is_pickle(data):
        return data
    if content.is_gzip(data) or content.is_tar(data):
        return paddle_file.pickle_in_tar(data)
    raise Refused(f"is {content.describe(data)}")
