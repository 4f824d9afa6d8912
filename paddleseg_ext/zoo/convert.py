"""The published checkpoint of a row: fetched, converted for the row's YAML, and how to see that it was."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Optional, Union

from paddleseg_ext.convert.output import convert_file
from paddleseg_ext.errors import UserError
from paddleseg_ext.files.download import DownloadFailed, download, name_of
from paddleseg_ext.zoo.listing import figure, host
from paddleseg_ext.zoo.table import config_path, published, shown_path

# OpenMMLab ends its files' names in the first digits of their SHA-256.
_PROMISE = re.compile(r"-([0-9a-f]{8})\.pth$")


def convert_row(name: str, checkpoint: Union[str, Path, None] = None, output: Union[str, Path, None] = None) -> str:
    """Convert the published checkpoint of the row ``name``.

    Args:
        checkpoint: The file, where it is here already; None fetches it.
        output: The folder for ``model.pdparams``, its record and the fetched file; None: ``output/zoo/NAME``.

    Returns:
        What was done, the command that evaluates the result, and the published figures, for people.

    Raises:
        UserError: The file cannot be fetched (says by hand from where to where), or is not of this row.
    """
    row = published()[name]
    folder = Path("output", "zoo", name) if output is None else Path(output)
    weights = folder / "model.pdparams"
    checkpoint = _fetched(name, row, folder) if checkpoint is None else Path(checkpoint)
    notes = {"config": shown_path(name), "row": name, "published_at": row["checkpoint"]}
    conversion, record = convert_file(checkpoint, weights, notes, config=str(config_path(name)))
    lines = [
        f"{checkpoint} holds {conversion.found.title}: {record['tensors']} tensors, written to {weights}",
        *_promise(checkpoint.name, record["sha256"]),
        *(f"note: {remark}" for remark in conversion.remarks),
        f"published: mIoU {figure(row['miou'])} % on {row['data']['set']} {row['data']['val']}; to see it:",
        f"  python val.py --config {shown_path(name)} --model_path {weights}",
    ]
    if row["miou_ms_flip"] is not None:
        lines.append(f"  the same with --aug_eval (several scales and flip): {figure(row['miou_ms_flip'])} %")
    return "\n".join(lines)


def _fetched(name: str, row: dict, folder: Path) -> Path:
    """The row's checkpoint in ``folder``, fetched unless it is there."""
    if host(row) == "Baidu":
        raise UserError(
            f"{name}: its checkpoint is on {row['checkpoint_access']}, which has to be fetched by hand: open "
            f"{row['checkpoint']} in a browser, then run this again with --checkpoint FILE."
        )
    addresses = list(_addresses(row))
    for address in addresses:
        if (folder / name_of(address)).is_file():
            return folder / name_of(address)
    failures = []
    for address in addresses:
        try:
            download(address, folder / name_of(address))
            return folder / name_of(address)
        except DownloadFailed as reason:
            failures.append(reason)
    raise UserError(
        f"{name}: could not fetch {addresses[0]} ({failures[0]}); fetch it by hand, put it at "
        f"{folder / name_of(addresses[0])}, and run this again."
    )


def _addresses(row: dict) -> Iterator[str]:
    """Where the checkpoint may be: as published, and as SSSegmentation's later tables name the file."""
    yield row["checkpoint"]
    if row["checkpoint"].endswith("_train.pth"):
        yield row["checkpoint"].replace("_train.pth", ".pth")


def _promise(name: str, sha256: str) -> Iterator[str]:
    match: Optional[re.Match] = _PROMISE.search(name)
    if match is None:
        yield f"its SHA-256 is {sha256}"
    elif sha256.startswith(match[1]):
        yield f"its SHA-256 is {sha256}, as its name promises"
    else:
        yield f"its SHA-256 is {sha256}, but its name promises {match[1]}...: it is not the file that was published"
