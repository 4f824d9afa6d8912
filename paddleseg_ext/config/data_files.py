"""Is the data where the YAML says? This is checked before a data set is built, so that a fault names its key."""

import inspect
from pathlib import Path

from paddleseg.cvlibs import manager

from paddleseg_ext.config.config import ValidatedConfig
from paddleseg_ext.datasets.layout import Layout, layout_of
from paddleseg_ext.errors import UserError


def check_data_files(config: ValidatedConfig, key: str) -> None:
    """Check folders and list files of ``train_dataset`` or ``val_dataset``.

    Raises:
        UserError: A folder or a list file is missing; a list is empty or malformed; files of Cityscapes, ADE20K or VOC
            are missing.
    """
    cfg = config.dic[key]
    root = cfg.get("dataset_root")
    if root is None:
        return
    component = manager.DATASETS[cfg["type"]]
    layout = layout_of(cfg["type"])
    # A data set of PaddleSeg whose dataset_root is optional may download its files.
    required = inspect.signature(component).parameters["dataset_root"].default is inspect.Parameter.empty
    if (required or layout) and not Path(root).is_dir():
        what = f"{layout.how_to_lay_out()}, or correct the path" if layout else "put the data there or correct the path"
        raise UserError(
            f"{config.where(key, 'dataset_root')}: the folder {root} ({key}.dataset_root) does not exist; {what}."
        )
    if cfg["type"] == "Dataset":
        _check_list(config, key, cfg)
    elif layout:
        _check_pairs(config, key, cfg, layout)


def _check_list(config: ValidatedConfig, key: str, cfg: dict) -> None:
    mode = str(cfg["mode"]).lower()
    name = f"{mode}_path"
    if mode not in ("train", "val", "test"):
        raise UserError(f"{config.where(key, 'mode')}: {key}.mode must be train, val or test, not {cfg['mode']!r}.")
    if cfg.get(name) is None:
        raise UserError(f"{config.where(key)}: {key} with mode {mode} needs {name}, the list of its files; add it.")
    path = Path(cfg[name])
    if not path.is_file():
        raise UserError(
            f"{config.where(key, name)}: the list file {path} ({key}.{name}) does not exist; "
            "write it or correct the path."
        )
    separator = cfg.get("separator", " ")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    if not any(line.strip() for line in lines):
        raise UserError(f"The list file {path} ({key}.{name}) is empty; write one `image{separator}label` per line.")
    if mode == "test":
        return
    for number, line in enumerate(lines, 1):
        if len(line.strip().split(separator)) != 2:
            raise UserError(
                f"{path} line {number} is {line.strip()!r}, not `image{separator}label`; "
                f"correct the line, or set {key}.separator."
            )


def _check_pairs(config: ValidatedConfig, key: str, cfg: dict, layout: Layout) -> None:
    """Cityscapes, ADE20K and VOC: every image has its label.

    PaddleSeg sorts the images and the labels of Cityscapes and pairs them by position. One missing file would shift
    all pairs after it.
    """
    root, mode = Path(cfg["dataset_root"]), str(cfg.get("mode", "train")).lower()
    try:
        pairs = layout.pairs(root, mode)
    except KeyError:
        # The mode does not exist. The data set itself reports that.
        return
    except UserError as error:
        raise UserError(f"{key}: {error}; {layout.how_to_lay_out()}.") from None
    images = [pair for pair in pairs if pair.image.is_file()]
    if not images:
        raise UserError(
            f"{config.where(key, 'dataset_root')}: {root} holds no images of {layout.title}, mode {mode}; "
            f"{layout.how_to_lay_out()}, or correct dataset_root."
        )
    without = [pair for pair in images if not pair.label.is_file()]
    if without:
        raise UserError(
            f"{key}: {without[0].image} has no label {without[0].label.relative_to(root)} ({len(without)} of "
            f"{len(images)} images); run `python {layout.script}`, whose --help says how, "
            f"and `python -m paddleseg_ext.datasets.check {layout.name}`."
        )
    alone = [pair for pair in pairs if not pair.image.is_file()]
    if alone:
        raise UserError(f"{key}: {alone[0].image}, the image of {alone[0].label}, does not exist; add it.")
