"""From a checked configuration to model, optimizer, losses and data sets."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paddle
from paddleseg.cvlibs import Config, SegBuilder
from paddleseg.utils import logger

from paddleseg_ext.config.data_files import check_data_files
from paddleseg_ext.errors import UserError, one_line
from paddleseg_ext.weights import pretrained
from paddleseg_ext.weights.loading import set_pretrained


class Builder(SegBuilder):
    """PaddleSeg's ``SegBuilder`` whose failures are one sentence that names component and reason.

    Use ``build("model")``, ``build("optimizer")``, ``build("loss")``, ``build("train_dataset")``,
    ``build("val_dataset")``, ``build("val_transforms")``; each is built once.

    Args:
        config: From ``load_config``.
        pretrained: Whether to load the weights that the YAML names as ``pretrained``. Not when weights of the whole
            model are loaded next: then nothing needs to be fetched.
    """

    def __init__(self, config: Config, pretrained: bool = True) -> None:
        super().__init__(config)
        self._pretrained = pretrained
        # By the path that stands in the configuration then: the key, and whether the file has to hold every weight.
        self._located: dict[str, tuple[str, bool]] = {}

    def build(self, what: str) -> Any:
        """The component ``what`` of the configuration.

        Raises:
            UserError: It cannot be built, its data or its ``pretrained`` weights are missing or of another
                model.
        """
        if what in ("train_dataset", "val_dataset"):
            check_data_files(self.config, what)
        if what in ("model", "optimizer"):
            self._locate_pretrained(self.config.dic["model"], "model")
        try:
            return getattr(self, what)
        except Exception as error:
            raise _sentence(error, what) from error

    def build_component_impl(self, component_class: Any, *args: Any, **kwargs: Any) -> Any:
        """Called by PaddleSeg for every component, inner ones first.

        A layer is built without ``pretrained``, whose file PaddleSeg would open with ``paddle.load``; then its weights
        are set by ``weights.loading``.
        """
        path = str(kwargs.get("pretrained"))
        if path in self._located:
            kwargs["pretrained"] = None
        try:
            component = component_class(*args, **kwargs)
        except UserError:
            raise
        except Exception as error:
            name = getattr(component_class, "__name__", str(component_class))
            raise UserError(f"{self.config.path}: {name} cannot be built: {one_line(error)}") from error
        if path in self._located:
            set_pretrained(component, Path(path), *self._located[path])
        return component

    def _locate_pretrained(self, cfg: dict, key: str) -> None:
        """Replace each ``pretrained`` of a layer and of those in it by a local file, or by None if none is wanted."""
        for name, value in cfg.items():
            if self.is_meta_type(value):
                self._locate_pretrained(value, f"{key}.{name}")
        source = cfg.get("pretrained")
        if source is None or str(source) in self._located:
            return
        cfg["pretrained"] = None
        if self._pretrained:
            path = str(pretrained.locate(str(source), f"{key}.pretrained"))
            self._located[path] = f"{key}.pretrained", pretrained.has_scheme_of_ours(str(source))
            cfg["pretrained"] = path


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without what PaddleSeg logs of every component; errors are still shown."""
    level, logger.log_level = logger.log_level, 0
    try:
        yield
    finally:
        logger.log_level = level


def convert_sync_batchnorm(model: paddle.nn.Layer) -> paddle.nn.Layer:
    """Batch statistics over all cards, as PaddleSeg trains; changes nothing in a run of one process or on a CPU."""
    if paddle.distributed.ParallelEnv().nranks > 1 and paddle.get_device().startswith("gpu"):
        return paddle.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return model


def _sentence(error: BaseException, what: str) -> UserError:
    """The sentence at the root: PaddleSeg wraps each failure of an inner component once per level."""
    cause = error
    while cause is not None:
        if isinstance(cause, UserError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return UserError(f"{what} cannot be built: {one_line(error)}")
