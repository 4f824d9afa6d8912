"""Any file of weights, opened by what is in it."""

from pathlib import Path
from typing import Any, Union

from paddleseg_ext.weights import content, paddle_file, safetensors_file, torch_file
from paddleseg_ext.weights.mapped_zip import MappedZip
from paddleseg_ext.weights.refusal import Refused, naming, shown


def open_checkpoint(path: Union[str, Path]) -> Any:
    """What the checkpoint ``path`` holds, with each tensor as a read-only numpy array; nothing in it is run.

    Read are the files of torch.save (both formats), safetensors, ``.pdparams``, and archives (``.tar.gz``, ``.tar``,
    ``.zip``) of one ``.pdparams``, whatever their names. Those of torch.save may hold more than weights, see
    ``torch_file.read``; all others give {name: array}.

    Raises:
        UserError: It is missing, damaged, none of these, or asks for more than data.
    """
    with naming(path):
        data = content.map_file(path)
        if content.is_zip(data):
            members = MappedZip(path, data)
            if any(name.endswith("data.pkl") for name in members):
                return torch_file.read_zip(members)
            if any(name.endswith(paddle_file.SUFFIX) for name in members):
                return paddle_file.read_zip(members)
            first = shown(next(iter(members), "nothing"), 40)
            raise Refused(f"is a zip archive that holds {first} and no weights; name a checkpoint")
        if content.is_legacy_torch(data):
            return torch_file.read_legacy(data)
        if content.is_safetensors(data):
            return safetensors_file.read_map(data)
        if content.is_pickle(data):
            return paddle_file.read_pickle(data)
        if content.is_gzip(data) or content.is_tar(data):
            return paddle_file.read_tar(path, data)
        raise Refused(f"is {content.describe(data)}")
