"""Weights that a YAML names as ``pretrained``: find them or fetch them, before a model is built.

They are stored in PaddleSeg's folder (``~/.paddleseg/pretrained_model``, or below ``SEG_HOME``), so no file is fetched
twice. A file is stored whole or not at all.
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
from paddleseg_ext.weights.mapped_zip import ALWAYS_ALLOWED, MOST_EXPANSION
from paddleseg_ext.weights.weight_file import refuse_torch_name

ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")
# SCHEME -> a function of NAME in SCHEME://NAME and of the key of the YAML. It returns a file with every weight of its
# model. Rooms above this one register here: convert/ adds zoo://.
SCHEMES: dict[str, Callable[[str, str], Path]] = {}


def locate(source: str, key: str) -> Path:
    """Return the local file of ``source``. A URL is fetched unless its file was stored before.

    Args:
        source: The path of a ``.pdparams`` file, its URL, the URL of an archive with ``model.pdparams``, or
            ``SCHEME://NAME`` with a scheme in ``SCHEMES``.
        key: The key of the YAML, e.g. ``model.backbone.pretrained``.

    Raises:
        UserError: The file does not exist or cannot be fetched; the sentence says where to put it.
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
    """Return whether ``source`` is a ``SCHEME://NAME`` with a scheme in ``SCHEMES``."""
    return source.partition("://")[0] in SCHEMES


def home_of(url: str) -> Path:
    """Return the path where PaddleSeg stores the file that it fetched from ``url``."""
    *_, folder, name = unquote(urlparse(url).path).split("/")
    for suffix in ARCHIVES:
        if name.endswith(suffix):
            # PaddleSeg cuts the name at the first dot.
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
    """Return the weight file from a fetched archive, or the fetched file itself."""
    if not fetched.name.endswith(ARCHIVES):
        return fetched
    # Only the wanted file is written, and under a name of ours: the archive does not choose the place.
    into.mkdir()
    target = into / path.name
    if tarfile.is_tarfile(fetched):
        with tarfile.open(fetched) as archive:
            for member in archive:
                wanted = member.isfile() and Path(member.name).name == path.name
                if wanted and (source := archive.extractfile(member)):
                    _require_bounded(member.size, fetched, member.issparse())
                    with source, open(target, "wb") as file:
                        shutil.copyfileobj(source, file)
                    return target
    elif zipfile.is_zipfile(fetched):
        with zipfile.ZipFile(fetched) as archive:
            for info in archive.infolist():
                if Path(info.filename).name == path.name:
                    _require_bounded(info.file_size, fetched)
                    with archive.open(info) as source, open(target, "wb") as file:
                        shutil.copyfileobj(source, file)
                    return target
    raise UserError(f"{key}: {url} holds no {path.name}; correct {key}, or put the file at {path}.")


def _require_bounded(size: int, archive: Path, is_sparse: bool = False) -> None:
    """Raise ``UserError`` if a member of ``size`` bytes is more than an archive of weights can hold."""
    if is_sparse or size > ALWAYS_ALLOWED + MOST_EXPANSION * archive.stat().st_size:
        raise UserError(
            f"{archive.name} would grow to {size} bytes, which weights cannot do; nothing was unpacked, use another "
            "source."
        )
