"""The READMEs in ``configs/<model>/``, written from the table of published rows."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from paddleseg_ext.convert.implementations import IMPLEMENTATIONS
from paddleseg_ext.files.whole import write_whole
from paddleseg_ext.zoo.listing import backbone, figure, host
from paddleseg_ext.zoo.table import CONFIGS, Facts, authors, published, shown_path

_PAPERS = {
    "PSANet": "[Point-wise Spatial Attention Network for Scene Parsing]"
    "(https://hszhao.github.io/papers/eccv18_psanet.pdf), ECCV 2018",
    "PSPNet": "[Pyramid Scene Parsing Network](https://arxiv.org/abs/1612.01105), CVPR 2017",
    "ISANet": "[Interlaced Sparse Self-Attention for Semantic Segmentation](https://arxiv.org/abs/1907.12273), 2019",
}
_WHOSE = {
    "PSANet": "all rows that SSSegmentation, mmsegmentation and PSANet_paddle publish",
    "PSPNet": "all rows that SSSegmentation publishes (the rows of mmsegmentation are not included)",
    "ISANet": "all rows that SSSegmentation publishes (the rows of mmsegmentation are not included)",
}
_DATA_SETS = {
    "cityscapes": "Cityscapes",
    "ade20k": "ADE20K",
    "voc12aug": "PASCAL VOC 2012 with the extra labels of SBD",
}
_HEADER = """
| Configuration | Published by | Backbone | Crop | Batch | Iterations | mIoU | mIoU ms+flip | Published files |
|-|-|-|-|-|-|-|-|-|
""".strip()

_TEXT = """\
<!-- `python -m paddleseg_ext.zoo readme` writes this file from paddleseg_ext/zoo/published.yml; change that file. -->
# {model}

{paper}.

{count} rows of {model} as YAML: {whose}.
**All figures are the publishers'**, in percent on the validation set. None of these models was trained again here. Each
file repeats the recipe of its publisher: head, data pipeline, loss, schedule, test protocol.
`python -m paddleseg_ext.zoo check` compares what the files build with the table of published facts.
`python -m paddleseg_ext.zoo show ROW` prints the facts of one row.

{tables}
{authors}
## Use

[docs/data.md](../../docs/data.md) explains how to lay out the data sets.

```bash
# Train on four cards; batch_size is written for four. With another number of cards, train.py prints the total batch
# and the --iters and --learning_rate that fit it.
python -m paddle.distributed.launch --gpus 0,1,2,3 train.py --config {config} \\
    --do_eval --save_interval {interval} --save_dir output/{model_lower}

# Evaluate with the test protocol of the row.
python val.py --config {config} \\
    --model_path output/{model_lower}/best_model/model.pdparams
{multi_scale}```

Training starts from ImageNet weights of the v1c backbones, which OpenMMLab publishes for PyTorch. `train.py` downloads
and converts them once. Without a network connection, it names the file to download and the folder for it.
`--opts model.backbone.pretrained=null` starts from random weights instead.

The published checkpoints are PyTorch files{but}.
One command downloads the checkpoint of a row, converts it, and prints the `val.py` line to run and the figure to expect
([docs/converting.md](../../docs/converting.md)):

```bash
python -m paddleseg_ext.zoo convert {example}
```

The last column of the tables gives the published addresses. We do not check whether they still work.
"""
_AUTHORS = """
## The authors' own configurations

The checkpoints of {title}
were trained and tested with these configurations.
These files repeat its model, sizes, windows, pixels, schedule and test protocol (`paddleseg_ext/zoo/authors.yml`). If a
step of its training pipeline does not exist here, the file says so. Convert its checkpoints with these files:
[docs/converting.md](../../docs/converting.md).

| Configuration | Written as | Backbone | Crop | Batch | Iterations | Test |
|-|-|-|-|-|-|-|
{lines}
"""
_MULTI_SCALE = """
# Evaluate for the column ms+flip; the scales and the flip are in the file.
python val.py --config {config} --aug_eval \\
    --model_path output/{model_lower}/best_model/model.pdparams
"""


def write() -> Iterator[Path]:
    """Write the README of every model; yields their paths."""
    for model in _PAPERS:
        path = path_of(model)
        with write_whole(path) as temporary:
            temporary.write_text(text(model), encoding="utf-8")
        yield path


def path_of(model: str) -> Path:
    """The path of the README of ``model``."""
    return CONFIGS / model.lower() / "README.md"


def text(model: str) -> str:
    """The README of ``model``, one of PSANet, PSPNet and ISANet."""
    rows = {name: row for name, row in published().items() if row["model"] == model}
    tables = []
    for key, title in _DATA_SETS.items():
        chosen = {name: row for name, row in rows.items() if row["data"]["set"] == key}
        remarks = list(dict.fromkeys(remark for row in chosen.values() for remark in row.get("remarks", ())))
        lines = [_line(name, row, remarks) for name, row in chosen.items()]
        tables.append("\n".join([f"## {title}", "", _HEADER, *lines]))
        tables += [f"{_mark(number)} {remark}" for number, remark in enumerate(remarks, 1)]
    example = next((name for name, row in rows.items() if row["miou_ms_flip"]), next(iter(rows)))
    values = {"model": model, "model_lower": model.lower(), "config": shown_path(example), "example": example}
    has_multi_scale = rows[example]["miou_ms_flip"] is not None
    return _TEXT.format(
        authors=_authors(model),
        paper=_PAPERS[model],
        count=len(rows),
        whose=_WHOSE[model],
        tables="\n\n".join(tables),
        interval=rows[example]["schedule"]["evaluate_every"],
        multi_scale=_MULTI_SCALE.format(**values) if has_multi_scale else "",
        but="; that of PSANet_paddle is a Paddle file" if model == "PSANet" else "",
        **values,
    )


def _authors(model: str) -> str:
    """The section about the authors' own configurations of a model."""
    rows = {name: row for name, row in authors().items() if row["model"] == model}
    lines = []
    for name, row in rows.items():
        test = row["test"]
        cells = (
            f"[{name}]({name}.yml)",
            f"`{row['config']}`",
            f"R{row['backbone']['depth']} os{row['output_stride']}",
            "x".join(map(str, row["crop"])),
            str(row["batch"]),
            str(row["schedule"]["iterations"]),
            f"windows of {test['window'][0]}x{test['window'][1]}" if test["mode"] == "slide" else "whole pictures",
        )
        lines.append(f"| {' | '.join(cells)} |")
    (name,) = {row["source"] for row in rows.values()}
    theirs = IMPLEMENTATIONS[name]
    return _AUTHORS.format(title=f"[{theirs.title}]({theirs.address})", lines="\n".join(lines))


def _line(name: str, row: Facts, remarks: Sequence[str]) -> str:
    marks = "".join(_mark(remarks.index(remark) + 1) for remark in row.get("remarks", ()))
    files = f"[checkpoint]({row['checkpoint']}), [log]({row['log']})"
    if host(row) == "Baidu":
        files += f" ({row['checkpoint_access']})"
    cells = (
        f"[{name}]({name}.yml)",
        f"[{row['peer']}]({row['peer_url']})",
        backbone(row),
        "x".join(map(str, row["crop"])),
        str(row["batch"]),
        _iterations(row["schedule"]),
        figure(row["miou"]) + marks,
        figure(row["miou_ms_flip"]),
        files,
    )
    return f"| {' | '.join(cells)} |"


def _iterations(schedule: Facts) -> str:
    epochs = f" ({schedule['epochs']} epochs)" if "epochs" in schedule else ""
    return f"{schedule['iterations']}{epochs}"


def _mark(number: int) -> str:
    return f"<sup>{number}</sup>"
