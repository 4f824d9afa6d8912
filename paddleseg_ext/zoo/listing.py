"""The table of published rows as text for a terminal."""

from collections.abc import Iterator, Sequence
from typing import Any, Optional
from urllib.parse import urlsplit

from paddleseg_ext.zoo.table import Facts, published, shown_path

# ``show`` begins with these facts; the others follow in the order of the table.
_FIRST = (
    "peer",
    "config",
    "miou",
    "miou_ms_flip",
    "remarks",
    "checkpoint",
    "checkpoint_access",
    "log",
    "peer_url",
    "peer_remark",
    "model",
    "backbone",
    "output_stride",
    "stages",
    "head",
    "aux_head",
    "align_corners",
    "data",
    "crop",
    "batch",
    "schedule",
    "optimizer",
    "learning_rate",
    "loss",
)
_TITLES = ("backbone", "data", "schedule", "mIoU", "ms+flip", "checkpoint", "row")
# Who hosts the checkpoints, by the host in their address.
_HOSTS = {"github.com": "GitHub", "download.openmmlab.com": "OpenMMLab", "pan.baidu.com": "Baidu"}


def figure(value: Optional[float]) -> str:
    """A published figure in percent, or a dash if none was published."""
    return "-" if value is None else f"{value:.2f}"


def backbone(row: Facts) -> str:
    """A row's backbone and output stride, such as ``R50 os8``. The kind is shown only if it is not v1c."""
    kind = row["backbone"]["name"].rsplit("_", 1)[-1]
    return f"R{row['backbone']['depth']}{'' if kind == 'v1c' else f'-{kind}'} os{row['output_stride']}"


def host(row: dict) -> str:
    """Who hosts the checkpoint of a row, such as ``GitHub``."""
    address = urlsplit(row["checkpoint"]).netloc
    return _HOSTS.get(address, address)


def list_rows(names: Sequence[str]) -> str:
    """One line for each row of ``names``, below a heading for each model with the folder of its YAML files."""
    columns = {
        name: (
            backbone(published()[name]),
            published()[name]["data"]["set"],
            published()[name]["schedule"]["name"],
            figure(published()[name]["miou"]),
            figure(published()[name]["miou_ms_flip"]),
            host(published()[name]),
            name,
        )
        for name in names
    }
    widths = [max(map(len, column)) for column in zip(_TITLES, *columns.values())]
    lines: list[str] = []
    model = None
    for name, values in columns.items():
        if published()[name]["model"] != model:
            model = published()[name]["model"]
            lines += ["", f"{model}: {shown_path(name).rsplit('/', 1)[0]}/<row>.yml", _line(_TITLES, widths)]
        lines.append(_line(values, widths))
    return "\n".join(lines[1:])


def summary(name: str) -> Facts:
    """The facts that ``list --json`` prints of a row."""
    row = published()[name]
    return {
        "row": name,
        "model": row["model"],
        "backbone": row["backbone"]["name"],
        "output_stride": row["output_stride"],
        "dataset": row["data"]["set"],
        "crop": row["crop"],
        "schedule": row["schedule"]["name"],
        "iterations": row["schedule"]["iterations"],
        "miou": row["miou"],
        "miou_ms_flip": row["miou_ms_flip"],
        "source": row["source"],
        "yaml": shown_path(name),
        "checkpoint": row["checkpoint"],
    }


def facts(name: str) -> Facts:
    """The facts that ``show --json`` prints of a row: all of the table, and its YAML file."""
    row = published()[name]
    first = {key: row[key] for key in _FIRST if key in row}
    return {"row": name, "yaml": shown_path(name), **first, **row}


def show_row(name: str) -> str:
    """All facts of a row, and the command that trains it on four cards."""
    row = published()[name]
    cards = "" if row["source"] == "psanet_paddle" else "-m paddle.distributed.launch --gpus 0,1,2,3 "
    commands = [
        "",
        "to train it:",
        f"  python {cards}train.py --config {shown_path(name)} \\",
        f"      --do_eval --save_interval {row['schedule']['evaluate_every']}",
    ]
    return "\n".join([*_facts(facts(name), ""), *commands])


def _facts(values: Facts, indent: str) -> Iterator[str]:
    for key, value in values.items():
        if isinstance(value, dict) and any(isinstance(inner, (dict, list)) for inner in value.values()):
            yield f"{indent}{key}:"
            yield from _facts(value, indent + "  ")
        elif isinstance(value, list) and value and not isinstance(value[0], (int, float)):
            yield f"{indent}{key}:"
            yield from (f"{indent}  {_word(item)}" for item in value)
        else:
            yield f"{indent}{key}: {_word(value)}"


def _word(value: Any) -> str:
    if isinstance(value, dict):
        words = {key: f"({_word(inner)})" if isinstance(inner, dict) else _word(inner) for key, inner in value.items()}
        return ", ".join(f"{key} {word}" for key, word in words.items())
    if isinstance(value, list):
        return "x".join(map(str, value)) if len(value) == 2 and all(type(v) is int for v in value) else str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _line(values: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(value.ljust(width) for value, width in zip(values, widths)).rstrip()
