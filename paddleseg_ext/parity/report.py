"""The Markdown table of comparisons, with one row for each."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

from paddleseg_ext.errors import UserError
from paddleseg_ext.files.whole import write_whole
from paddleseg_ext.parity.limits import Difference, worst

PARTS = ("forward", "metric", "loss", "gradients", "statistics", "train")
HEADER = (
    "| peer | model | depth | stride | image | logits | metric | loss | gradient norms | running statistics "
    "| 20 steps | the peer's own |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|---|\n"
)
DTYPES = ("float32", "float64")


def row(settings: dict[str, Any], found: Sequence[Difference], drift: Optional[float]) -> str:
    """The row of one comparison: the largest difference of each part, float32 / float64.

    Args:
        settings: See ``our_side.default_settings``.
        found: The differences.
        drift: The difference between the peer's own training losses in float32 and float64 (``limits.drift``).
    """
    image = "x".join(map(str, settings["size"]))
    if settings["model"] == "psanet":
        image += ", mask " + "x".join(map(str, settings["mask_size"]))
    if settings["align_corners"]:
        image += ", aligned"
    if settings["base_channels"] != 64:
        image += f", width {settings['base_channels']}"
    if settings["training_batches"] < settings["iterations"]:
        image += f", steps on {settings['training_batches']} batch{'es' if settings['training_batches'] > 1 else ''}"
    summary = worst(found)
    cells = [settings["peer"], settings["model"], settings["depth"], settings["output_stride"], image]
    for part in PARTS:
        figures = [summary.get((dtype, part)) for dtype in DTYPES]
        cells.append(" / ".join(_figure(each) for each in figures) if any(figures) else "")
    cells.append("" if drift is None else f"{drift:.0e}")
    return "| " + " | ".join(map(str, cells)) + " |\n"


def _figure(difference: Optional[Difference]) -> str:
    if difference is None:
        return "-"
    return f"{difference.largest:.0e}" if difference.verdict == "PASS" else f"**{difference.largest:.0e}**"


def write(path: Union[str, Path], line: str) -> None:
    """Put the row ``line`` into the table in the file ``path``. It replaces a row of the same model and image.

    If the file does not exist, it is made with only the table.

    Raises:
        UserError: The file has no such table.
    """
    path = Path(path)
    text = path.read_text(encoding="utf-8") if path.exists() else HEADER
    before, header, after = text.partition(HEADER)
    if not header:
        raise UserError(f"{path} has no table of comparisons; name a new file with --report.")
    rows = "".join(itertools.takewhile(lambda each: each.startswith("|"), after.splitlines(keepends=True)))
    rest = after[len(rows) :]
    kept = [each for each in rows.splitlines(keepends=True) if _key(each) != _key(line)]
    table = "".join(sorted([*kept, line], key=_key))
    with write_whole(path) as temporary:
        temporary.write_text(before + header + table + rest, encoding="utf-8")


def _key(line: str) -> tuple[str, str, int, int, str]:
    peer, model, depth, stride, image = (cell.strip() for cell in line.split("|")[1:6])
    return peer, model, int(depth), int(stride), image
