"""Converted weights on disk, with a record of where they come from beside them."""

import hashlib
import json
import pickle
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Optional, Union

import paddleseg_ext
from paddleseg_ext.convert.conversion import Conversion, convert_weights
from paddleseg_ext.errors import UserError
from paddleseg_ext.files.whole import write_whole

_CHUNK = 1 << 22


def convert_file(
    checkpoint: Union[str, Path],
    output: Union[str, Path],
    notes: Optional[Mapping] = None,
    **settings: Any,
) -> tuple[Conversion, dict[str, Any]]:
    """Convert a checkpoint to ``output``, a ``.pdparams`` file, and write the record beside it: both, or neither.

    Args:
        notes: Entries that the record gets too, or instead of its own.
        settings: Those of ``convert_weights``.

    Returns:
        The ``Conversion`` and the record.

    Raises:
        UserError: See ``convert_weights``. Nothing is written then.
    """
    with ThreadPoolExecutor(max_workers=1) as beside:
        # Both read the whole file, and hashing leaves the other core free.
        digest = beside.submit(sha256_of, checkpoint)
        conversion = convert_weights(checkpoint, **settings)
        record = {
            "checkpoint": Path(checkpoint).name,
            "sha256": digest.result(),
            **_record(conversion, settings.get("config")),
            **(notes or {}),
        }
    write(conversion.weights, output, record)
    return conversion, record


def sha256_of(path: Union[str, Path]) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def record_path(output: Union[str, Path]) -> Path:
    """Return the path of the record that belongs to the weights ``output``."""
    output = Path(output)
    return output.with_name(f"{output.name}.json")


def write(weights: Mapping, output: Union[str, Path], record: Mapping) -> None:
    """Write arrays by name as ``paddle.save`` does, and their record beside them: both, or neither.

    Args:
        output: The ``.pdparams`` file.
        record: The content of the record. Its values have types that JSON can write.

    Raises:
        UserError: There is no room, or no permission.
    """
    try:
        with write_whole(output) as file, write_whole(record_path(output)) as notes:
            with open(file, "wb") as stream:
                pickler = pickle.Pickler(stream, protocol=4)
                # Without it the pickler keeps a copy of every array until the end.
                pickler.fast = True
                pickler.dump(dict(weights))
            notes.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{output} could not be written ({reason}); make room, or choose another place.") from error


def _record(conversion: Conversion, config: Any) -> dict[str, Any]:
    found = conversion.found
    return {
        "source": found.implementation.title,
        "model": found.model,
        "entry": found.entry,
        "config": None if config is None else str(getattr(config, "path", config)),
        "converted_by": f"paddleseg_ext {paddleseg_ext.__version__}",
        "tensors": len(conversion.weights),
        "numbers": sum(array.size for array in conversion.weights.values()),
        "left_out": dict(Counter(name.rpartition(".")[2] for name in found.left_out)),
    }
