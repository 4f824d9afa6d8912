"""Is the data where the YAML says? Looked at before a data set is built, so that the answer names the key."""

import inspect
from pathlib import Path

from paddleseg.cvlibs import manager

from paddleseg_ext.engine.config import ValidatedConfig
from paddleseg_ext.errors import UserError


def check_data_files(config: ValidatedConfig, key: str) -> None:
    """Check folders and list files of ``train_dataset`` or ``val_dataset``.

    Raises:
        UserError: Missing folder or list file, an empty or malformed list, a Cityscapes folder of another layout.
    """
    cfg = config.dic[key]
    root = cfg.get("dataset_root")
    if root is None:
        return
    component = manager.DATASETS[cfg["type"]]
    # Where dataset_root may be left out, PaddleSeg fetches the data itself when it is missing.
    required = inspect.signature(component).parameters["dataset_root"].default is inspect.Parameter.empty
    if required and not Path(root).is_dir():
        raise UserError(
            f"{config.where(key, 'dataset_root')}: the folder {root} ({key}.dataset_root) does not exist; "
            "put the data there or correct the path."
        )
    if cfg["type"] == "Dataset":
        _check_list(config, key, cfg)
    elif cfg["type"] == "Cityscapes":
        _check_cityscapes(config, key, cfg)


def _check_list(config: ValidatedConfig, key: str, cfg: dict) -> None:
    mode = str(cfg["mode"]).lower()
    name = f"{mode}_path"
    if mode not in ("train", "val", "test"):
        raise UserError(f"{config.where(key, 'mode')}: {key}.mode is train, val or test, not {cfg['mode']!r}.")
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


def _check_cityscapes(config: ValidatedConfig, key: str, cfg: dict) -> None:
    """PaddleSeg pairs the sorted images with the sorted labels, so one missing file would shift all that follow."""
    root, mode = Path(cfg["dataset_root"]), str(cfg.get("mode", "train")).lower()
    image_end, label_end = "_leftImg8bit.png", "_gtFine_labelTrainIds.png"
    images = {_stem(path, image_end): path for path in (root / "leftImg8bit" / mode).glob(f"*/*{image_end}")}
    labels = {_stem(path, label_end): path for path in (root / "gtFine" / mode).glob(f"*/*{label_end}")}
    if not images:
        raise UserError(
            f"{config.where(key, 'dataset_root')}: {root} holds no leftImg8bit/{mode}/<city>/*{image_end}; "
            "put Cityscapes there or correct dataset_root."
        )
    without = sorted(set(images) - set(labels))
    if without:
        raise UserError(
            f"{key}: {images[without[0]]} has no label gtFine/{mode}/{without[0]}{label_end} "
            f"({len(without)} of {len(images)} images); make the labelTrainIds files with cityscapesscripts "
            "(createTrainIdLabelImgs)."
        )
    alone = sorted(set(labels) - set(images))
    if alone:
        raise UserError(f"{key}: the label {labels[alone[0]]} has no image; remove it or add the image.")


def _stem(path: Path, end: str) -> str:
    """city/city_000000_000019: what an image and its label have in common."""
    return f"{path.parent.name}/{path.name[: -len(end)]}"
