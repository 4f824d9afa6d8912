"""Any file of weights, opened once. Its content decides how it is read, not its name.

All code in this package that reads weights uses this module. Nothing in a file is run, and nothing is imported for it.
The depth, the size and the reading time of a file have limits.
"""

from mmap import mmap
from pathlib import Path
from typing import Any, Union

from paddleseg_ext.weights import content, paddle_file, safetensors_file, torch_file
from paddleseg_ext.weights.mapped_zip import MappedZip
from paddleseg_ext.weights.paddle_file import Tensor
from paddleseg_ext.weights.refusal import Refused, naming, shown

# The names of PyTorch's files end so.
TORCH_SUFFIXES = (".pth", ".pt", ".ckpt", ".safetensors")


def open_checkpoint(path: Union[str, Path]) -> Any:
    """Return what a checkpoint holds, with each tensor as a read-only numpy array.

    It may be a file of torch.save (both formats), a safetensors file, a ``.pdparams`` file, or an archive (``.tar.gz``,
    ``.tar``, ``.zip``) of one ``.pdparams`` file. The name of the file does not matter.

    Returns:
        {name: array}. A file of torch.save may hold anything else too, see ``torch_file``.

    Raises:
        UserError: The file is missing, damaged or none of these, or it asks for more than data.
    """
    with naming(path):
        data = content.map_file(path)
        if content.is_safetensors(data):
            return safetensors_file.read(data)
        if content.is_legacy_torch(data):
            return torch_file.read_legacy(data)
        if content.is_zip(data):
            members = MappedZip(data)
            if torch_file.is_among(members):
                return torch_file.read_zip(members)
        return {name: tensor.numbers for name, tensor in paddle_file.read_tensors(_paddle_pickle(data)).items()}


def open_paddle_weights(path: Union[str, Path]) -> dict[str, Tensor]:
    """Return the weights in a ``.pdparams`` file, or in an archive of one, by name.

    Raises:
        UserError: The file is missing, damaged or of PyTorch, or it asks for more than data. For a file of PyTorch the
            sentence names the converter.
    """
    with naming(path):
        refuse_torch_name(path)
        data = content.map_file(path)
        if content.is_safetensors(data) or content.is_legacy_torch(data):
            raise _convert_first(path)
        return paddle_file.read_tensors(_paddle_pickle(data, path))


def open_paddle_state(path: Union[str, Path]) -> dict[str, Any]:
    """Return the state in a ``.pdopt`` file: tensors by name, and the dicts and plain values beside them.

    Raises:
        UserError: The file is missing or damaged, does not hold such a state, or asks for more than data.
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
    """Raise the ``UserError`` that names the converter if ``path`` has the name of a PyTorch file."""
    if Path(path).suffix in TORCH_SUFFIXES:
        with naming(path):
            raise _convert_first(path)


def _convert_first(path: Union[str, Path]) -> Refused:
    return Refused(
        f"is a checkpoint of PyTorch; convert it first: python -m paddleseg_ext.convert {path} --config FILE.yml "
        "--output FILE.pdparams"
    )


def _paddle_pickle(data: mmap, torch_path: Union[str, Path, None] = None) -> Union[bytes, mmap]:
    """Return the pickle that ``paddle.save`` wrote, from its archive if it is in one.

    Args:
        torch_path: The name of the file, to refuse an archive of torch.save. None if the caller has excluded that.
    """
    if content.is_zip(data):
        members = MappedZip(data)
        if torch_path is not None and torch_file.is_among(members):
            raise _convert_first(torch_path)
        if any(name.endswith(paddle_file.SUFFIX) for name in members):
            return paddle_file.pickle_in_zip(members)
        first = shown(next(iter(members), "nothing"), 40)
        raise Refused(f"is a zip archive that holds {first}, but no weights; name a checkpoint")
    if content.is_pickle(data):
        return data
    if content.is_gzip(data) or content.is_tar(data):
        return paddle_file.pickle_in_tar(data)
    raise Refused(f"is {content.describe(data)}")
