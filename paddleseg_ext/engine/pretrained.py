"""Weights that a YAML names as ``pretrained``: found or fetched, and checked, before a model is built.

They are kept where PaddleSeg keeps them (``~/.paddleseg/pretrained_model``, or below ``SEG_HOME``), so nothing is
fetched twice. A file is there whole or not at all.
"""

import shutil
import tarfile
import tempfile
import urllib.request
import zipfile
from http.client import HTTPException
from pathlib import Path
from typing import Optional
from urllib.parse import unquote, urlparse

import paddle
from paddleseg.utils import logger, seg_env

from paddleseg_ext.engine.checkpoint import read_weights
from paddleseg_ext.errors import UserError

# Published for PyTorch: what a YAML calls zoo://NAME.
ZOO = {
    "resnet50_v1c": "https://download.openmmlab.com/pretrain/third_party/resnet50_v1c-2cccc1ad.pth",
    "resnet101_v1c": "https://download.openmmlab.com/pretrain/third_party/resnet101_v1c-e67eebb6.pth",
}
ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")
SECONDS_WITHOUT_ANSWER = 15


def locate(source: str, key: str) -> Path:
    """The local file of ``source``, a path or a URL; a URL is fetched unless it is there already.

    Args:
        source: Path of a ``.pdparams`` file, the URL of one or of an archive that holds ``model.pdparams``, or
            ``zoo://NAME`` for ImageNet weights that were published for PyTorch (``ZOO``).
        key: The YAML's name for it, e.g. ``model.backbone.pretrained``.

    Raises:
        UserError: What is missing and where to put it.
    """
    if not urlparse(source).netloc:
        path = Path(source)
        if not path.is_file():
            raise UserError(f"{key}: the file {path} does not exist; correct the path, or use --opts {key}=null.")
        return path
    if source.startswith("zoo://"):
        return _locate_in_zoo(source[len("zoo://") :], key)
    path = home_of(source)
    if not path.is_file():
        _fetch(source, path, key)
    return path


def _locate_in_zoo(name: str, key: str) -> Path:
    if name not in ZOO:
        raise UserError(f"{key}: there is no zoo://{name}; there are: {', '.join(sorted(ZOO))}.")
    path = Path(seg_env.PRETRAINED_MODEL_HOME) / f"{name}.pdparams"
    if not path.is_file():
        raise UserError(
            f"{key}: {name} is published for PyTorch ({ZOO[name]}); put its weights as a Paddle file (same names, but "
            f"_mean for running_mean and _variance for running_var) at {path}, or start from random weights: "
            f"--opts {key}=null."
        )
    return path


def home_of(url: str) -> Path:
    """Where PaddleSeg keeps what it fetched from ``url``."""
    *_, folder, name = unquote(urlparse(url).path).split("/")
    for suffix in ARCHIVES:
        if name.endswith(suffix):
            # PaddleSeg cuts at the first dot.
            folder, name = name.split(".")[0], "model.pdparams"
            break
    return Path(seg_env.PRETRAINED_MODEL_HOME) / folder / name


def check_match(layer: Optional[paddle.nn.Layer], path: Path, key: str) -> None:
    """Raise ``UserError`` if no weight of ``path`` has a name and shape of ``layer``: PaddleSeg only warns of each."""
    if layer is None:
        return
    have = {name: list(value.shape) for name, value in layer.state_dict().items()}
    weights = read_weights(path)
    if not any(have.get(name) == list(value.shape) for name, value in weights.items()):
        raise UserError(
            f"{key}: none of the {len(weights)} weights in {path} fits the {len(have)} of {type(layer).__name__}; "
            f"they are of another model (e.g. {next(iter(weights), 'nothing')}); correct {key}."
        )


def _fetch(url: str, path: Path, key: str) -> None:
    logger.info(f"Fetching {url}")
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent.parent, prefix=".fetch-") as folder:
        download = Path(folder) / unquote(url.rsplit("/", 1)[-1])
        try:
            with urllib.request.urlopen(url, timeout=SECONDS_WITHOUT_ANSWER) as answer, open(download, "wb") as file:
                shutil.copyfileobj(answer, file)
                expected = answer.headers.get("Content-Length")
            if expected is not None and download.stat().st_size != int(expected):
                raise OSError(f"only {download.stat().st_size} of {expected} bytes came")
        except (OSError, ValueError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise UserError(
                f"{key}: could not fetch {url} ({reason}); put its {path.name} at {path}, "
                f"or start without it: --opts {key}=null."
            ) from error
        weights = _unpack(download, Path(folder) / "unpacked", url, path, key)
        path.parent.mkdir(exist_ok=True)
        weights.replace(path)


def _unpack(download: Path, into: Path, url: str, path: Path, key: str) -> Path:
    """The weight file inside a fetched archive, or the fetched file itself."""
    if not download.name.endswith(ARCHIVES):
        return download
    # Only the file that is wanted is written, under a name of ours, wherever the archive would put it.
    into.mkdir()
    target = into / path.name
    if tarfile.is_tarfile(download):
        with tarfile.open(download) as archive:
            for member in archive:
                if member.isfile() and Path(member.name).name == path.name:
                    with archive.extractfile(member) as source, open(target, "wb") as file:
                        shutil.copyfileobj(source, file)
                    return target
    elif zipfile.is_zipfile(download):
        with zipfile.ZipFile(download) as archive:
            for name in archive.namelist():
                if Path(name).name == path.name:
                    with archive.open(name) as source, open(target, "wb") as file:
                        shutil.copyfileobj(source, file)
                    return target
    raise UserError(f"{key}: {url} holds no {path.name}; correct {key}, or put the file at {path}.")
