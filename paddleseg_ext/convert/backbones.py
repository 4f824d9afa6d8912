"""ImageNet weights published for PyTorch, in the form that our backbones load; a YAML calls them ``zoo://NAME``."""

from pathlib import Path
from typing import Union

import filelock
import paddle
from paddleseg.cvlibs import manager
from paddleseg.utils import logger, seg_env

from paddleseg_ext.config.quiet import quietly
from paddleseg_ext.convert.implementations.imagenet import IMAGENET
from paddleseg_ext.convert.output import convert_file
from paddleseg_ext.errors import UserError
from paddleseg_ext.files.download import DownloadFailed, download, name_of
from paddleseg_ext.weights.pretrained import SCHEMES

# OpenMMLab's, by the NAME in a YAML.
PUBLISHED = {
    "resnet18_v1c": "https://download.openmmlab.com/pretrain/third_party/resnet18_v1c-b5776b93.pth",
    "resnet50_v1c": "https://download.openmmlab.com/pretrain/third_party/resnet50_v1c-2cccc1ad.pth",
    "resnet101_v1c": "https://download.openmmlab.com/pretrain/third_party/resnet101_v1c-e67eebb6.pth",
}
# One process of a machine fetches; the others wait for it as long as this.
_LOCK_SECONDS = 3600


def convert_backbone(checkpoint: Union[str, Path], backbone: str, output: Union[str, Path]) -> None:
    """Write the weights of ``checkpoint`` for the backbone ``backbone`` to ``output``, with a record beside them.

    Args:
        checkpoint: The published file.
        backbone: A class of PaddleSeg's manager, such as 'ResNet50_v1c'.
        output: The ``.pdparams`` file.

    Raises:
        UserError: The file cannot be read, lacks a weight of that backbone, or holds more than that and an ImageNet
            classifier.
    """
    with quietly(), paddle.LazyGuard():
        model = manager.BACKBONES[backbone]()
    convert_file(checkpoint, output, {"backbone": backbone}, model=model, implementation=IMAGENET.name)


def locate_published(name: str, key: str) -> Path:
    """The local ``.pdparams`` file of ``PUBLISHED[name]``; it is fetched and converted if it is not there yet.

    Args:
        name: The part after ``zoo://``.
        key: The key in the YAML, e.g. ``model.backbone.pretrained``.

    Raises:
        UserError: There is no such name, or its file cannot be fetched (says where to put it), read or converted.
    """
    if name not in PUBLISHED:
        raise UserError(f"{key}: there is no zoo://{name}; there are: {', '.join(sorted(PUBLISHED))}.")
    home = Path(seg_env.PRETRAINED_MODEL_HOME)
    path = home / f"{name}.pdparams"
    if path.is_file():
        return path
    home.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(str(home / f".{name}.lock"), timeout=_LOCK_SECONDS):
            if not path.is_file():
                _fetch_and_convert(name, home, path, key)
    except filelock.Timeout as error:
        raise UserError(
            f"{key}: another process has been fetching {name} for {_LOCK_SECONDS} s; end it, and start again."
        ) from error
    return path


def _fetch_and_convert(name: str, home: Path, path: Path, key: str) -> None:
    """Convert the file published for PyTorch to ``path``; it is fetched if it is not in ``home``."""
    url = PUBLISHED[name]
    published = home / name_of(url)
    brought = published.is_file()
    if not brought:
        logger.info(f"Fetching {url}")
        try:
            download(url, published)
        except DownloadFailed as reason:
            raise UserError(
                f"{key}: could not fetch {url} ({reason}); put that file at {published}, or start from random "
                f"weights: --opts {key}=null."
            ) from reason
    try:
        convert_backbone(published, name.replace("resnet", "ResNet"), path)
        logger.info(f"{published.name} was converted to {path}")
    finally:
        if not brought:
            published.unlink()


SCHEMES["zoo"] = locate_published
