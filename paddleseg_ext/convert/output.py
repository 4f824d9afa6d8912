"""Converted weights on disk, with a record of where they come from beside them."""

import hashlib
import json
import pickle
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional, Union

import paddleseg_ext
from paddleseg_ext.convert.conversion import Conversion
from paddleseg_ext.convert.sources import TITLES
from paddleseg_ext.files import write_whole

_CHUNK = 1 << 22


def sha256_of(path: Union[str, Path]) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def record_path(output: Union[str, Path]) -> Path:
    """Where the record of the weights ``output`` is."""
    output = Path(output)
    return output.with_name(f"{output.name}.json")


def record_of(
    conversion: Conversion, checkpoint: Union[str, Path], sha256: str, config: Optional[str], **more: Any
) -> dict:
    """Where converted weights come from, of JSON's types.

    Args:
        checkpoint, sha256: The file they come from.
        config: The YAML that describes their model, if one does.
        more: Further entries.
    """
    found = conversion.found
    return {
        "checkpoint": Path(checkpoint).name,
        "sha256": sha256,
        **more,
        "source": TITLES[found.source],
        "model": found.model,
        "entry": found.entry,
        "config": None if config is None else str(config),
        "converted_by": f"paddleseg_ext {paddleseg_ext.__version__}",
        "tensors": len(conversion.weights),
        "numbers": sum(array.size for array in conversion.weights.values()),
        "left_out": dict(Counter(name.rpartition(".")[2] for name in found.left_out)),
    }


def write(conversion: Conversion, output: Union[str, Path], record: Mapping) -> None:
    """Write weights as ``paddle.save`` does, and their record beside them: both, or neither.

    Args:
        output: The ``.pdparams`` file.
        record: From ``record_of``.
    """
    with write_whole(output) as weights, write_whole(record_path(output)) as notes:
        with open(weights, "wb") as file:
            pickler = pickle.Pickler(file, protocol=4)
            # Without it the pickler keeps a copy of every array until the end.
            pickler.fast = True
            pickler.dump(conversion.weights)
        notes.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
