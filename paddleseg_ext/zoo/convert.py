"""Fetching the published checkpoint of a row and converting it for the row's YAML."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Union

from paddleseg_ext.convert.output import convert_file
from paddleseg_ext.errors import UserError
from paddleseg_ext.files.download import DownloadFailed, download, name_of
from paddleseg_ext.zoo.listing import figure, host
from paddleseg_ext.zoo.table import Facts, config_path, published, shown_path

# The names of OpenMMLab's files end in the first digits of their SHA-256.
_DIGITS = re.compile(r"-([0-9a-f]{8})\.pth$")


def convert_row(name: str, checkpoint: Union[str, Path, None] = None, output: Union[str, Path, None] = None) -> str:
    """Convert the published checkpoint of the row ``name``.

    Args:
        checkpoint: The published file; None fetches it.
        output: The folder for ``model.pdparams``, its record and the fetched file; None is ``output/zoo/NAME``.

    Returns:
        A text for the terminal: the result, the command that evaluates it, and the published figures.

    Raises:
        UserError: The file cannot be fetched (the sentence explains how to do it by hand), or is not of this row.
    """
    row = published()[name]
    folder = Path("output", "zoo", name) if output is None else Path(output)
    weights = folder / "model.pdparams"
    checkpoint = _fetched(name, row, folder) if checkpoint is None else Path(checkpoint)
    notes = {"config": shown_path(name), "row": name, "published_at": row["checkpoint"]}
    conversion, record = convert_file(checkpoint, weights, notes, config=str(config_path(name)))
    lines = [
        f"{checkpoint} holds {conversion.found.title}: {record['tensors']} tensors, written to {weights}",
        *_digest(checkpoint.name, record["sha256"]),
        *(f"note: {remark}" for remark in conversion.remarks),
        f"published: mIoU {figure(row['miou'])} % on {row['data']['set']} {row['data']['val']}; to evaluate it:",
        f"  python val.py --config {shown_path(name)} --model_path {weights}",
    ]
    if row["miou_ms_flip"] is not None:
        lines.append(f"  the same with --aug_eval (several scales and flip): {figure(row['miou_ms_flip'])} %")
    return "\n".join(lines)


def _fetched(name: str, row: Facts, folder: Path) -> Path:
    """The row's checkpoint in ``folder``; it is fetched if it is not there."""
    if host(row) == "Baidu":
        raise UserError(
            f"{name}: its checkpoint is on {row['checkpoint_access']} and cannot be fetched by a program; open "
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


def _addresses(row: Facts) -> Iterator[str]:
    """Return the addresses of a checkpoint: the published address, then that of SSSegmentation's later tables."""
    yield row["checkpoint"]
    if row["checkpoint"].endswith("_train.pth"):
        yield row["checkpoint"].replace("_train.pth", ".pth")


def _digest(name: str, sha256: str) -> Iterator[str]:
    match = _DIGITS.search(name)
    if match is None:
        yield f"its SHA-256 is {sha256}"
    elif sha256.startswith(match[1]):
        yield f"its SHA-256 is {sha256}, which agrees with its name"
    else:
        yield f"its SHA-256 is {sha256}, but by its name it is {match[1]}...; this is not the published file"
