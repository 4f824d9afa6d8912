"""Weights that a YAML names as ``pretrained``: found or fetched, and checked, before a model is built.

They are kept where PaddleSeg keeps them (``~/.paddleseg/pretrained_model``, or below ``SEG_HOME``), so nothing is
fetched twice. A file is there whole or not at all.
"""

import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Callable
from urllib.parse import unquote, urlparse

from paddleseg.utils import logger, seg_env

from paddleseg_ext.errors import UserError
from paddleseg_ext.files.download import DownloadFailed, download, name_of
from paddleseg_ext.weights.weight_file import refuse_torch_name

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")
# SCHEME -> what makes a file of SCHEME://NAME, given NAME and the key of the YAML. It holds every weight of its model.
# Here for whoever knows more than this package does: convert/ has zoo://.
SCHEMES: dict[str, Callable[[str, str], Path]] = {}


def locate(source: str, key: str) -> Path:
    """The local file of ``source``, a path or a URL; a URL is fetched unless it is there already.

    Args:
        source: Path of a ``.pdparams`` file, the URL of one or of an archive that holds ``model.pdparams``, or
            ``SCHEME://NAME`` of ``SCHEMES``.
        key: The YAML's name for it, e.g. ``model.backbone.pretrained``.

    Raises:
        UserError: What is missing and where to put it.
    """
    if not urlparse(source).netloc:
        path = Path(source)
        if not path.is_file():
            raise UserError(f"{key}: the file {path} does not exist; correct the path, or use --opts {key}=null.")
        refuse_torch_name(path)
        return path
    scheme, _, name = source.partition("://")
    if scheme in SCHEMES:
        return SCHEMES[scheme](name, key)
    path = home_of(source)
    if not path.is_file():
        _fetch(source, path, key)
    return path


def has_scheme_of_ours(source: str) -> bool:
    """Whether ``source`` is a ``SCHEME://NAME`` of ``SCHEMES``."""
    return source.partition("://")[0] in SCHEMES


def home_of(url: str) -> Path:
    """Where PaddleSeg keeps what it fetched from ``url``."""
    *_, folder, name = unquote(urlparse(url).path).split("/")
    for suffix in ARCHIVES:
        if name.endswith(suffix):
            # PaddleSeg cuts at the first dot.
            folder, name = name.split(".")[0], "model.pdparams"
            break
    return Path(seg_env.PRETRAINED_MODEL_HOME) / folder / name


def _fetch(url: str, path: Path, key: str) -> None:
    logger.info(f"Fetching {url}")
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent.parent, prefix=".fetch-") as folder:
        fetched = Path(folder) / name_of(url)
        try:
            download(url, fetched)
        except DownloadFailed as reason:
            raise UserError(
                f"{key}: could not fetch {url} ({reason}); put its {path.name} at {path}, "
                f"or start without it: --opts {key}=null."
            ) from reason
        weights = _unpack(fetched, Path(folder) / "unpacked", url, path, key)
        path.parent.mkdir(exist_ok=True)
        weights.replace(path)


def _unpack(fetched: Path, into: Path, url: str, path: Path, key: str) -> Path:
    """The weight file inside a fetched archive, or the fetched file itself."""
    if not fetched.name.endswith(ARCHIVES):
        return fetched
    # Only the file that is wanted is written, under a name of ours, wherever the archive would put it.
    into.mkdir()
    target = into / path.name
    if tarfile.is_tarfile(fetched):
        with tarfile.open(fetched) as archive:
            for member in archive:
                if member.isfile() and Path(member.name).name == path.name:
                    with archive.extractfile(member) as source, open(target, "wb") as file:
                        shutil.copyfileobj(source, file)
                    return target
    elif zipfile.is_zipfile(fetched):
        with zipfile.ZipFile(fetched) as archive:
            for name in archive.namelist():
                if Path(name).name == path.name:
                    with archive.open(name) as source, open(target, "wb") as file:
                        shutil.copyfileobj(source, file)
                    return target
    raise UserError(f"{key}: {url} holds no {path.name}; correct {key}, or put the file at {path}.")
