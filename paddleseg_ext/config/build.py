"""From a checked configuration to model, optimizer, losses and data sets."""

import contextlib
from collections.abc import Iterator
from typing import Any

import paddle
from paddleseg.cvlibs import Config, SegBuilder
from paddleseg.utils import logger

from paddleseg_ext.config.data_files import check_data_files
from paddleseg_ext.errors import UserError, one_line
from paddleseg_ext.weights import pretrained as weights
from paddleseg_ext.weights.safe_pickle import refuse_code


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

    def build(self, what: str) -> Any:
        """The component ``what`` of the configuration.

        Raises:
            UserError: It cannot be built, its data or its ``pretrained`` weights are missing or of another
                model.
        """
        if what in ("train_dataset", "val_dataset"):
            check_data_files(self.config, what)
        located = self._locate_pretrained() if what in ("model", "optimizer") else {}
        try:
            part = getattr(self, what)
        except Exception as error:
            raise _sentence(error, what) from error
        if what == "model":
            for key, (path, whole) in located.items():
                layer = part if key == "model.pretrained" else getattr(part, "backbone", None)
                weights.check_match(layer, path, key, whole)
        return part

    def build_component_impl(self, component_class: Any, *args: Any, **kwargs: Any) -> Any:
        """Called by PaddleSeg for every component, inner ones first."""
        try:
            return component_class(*args, **kwargs)
        except UserError:
            raise
        except Exception as error:
            reason = one_line(error)
            name = getattr(component_class, "__name__", str(component_class))
            raise UserError(f"{self.config.path}: {name} cannot be built: {reason}") from error

    def _locate_pretrained(self) -> dict:
        """Replace each ``pretrained`` of the model by its local file, or by None if none is wanted.

        Returns:
            By key the file, and whether it has to hold every weight.
        """
        located = {}
        model = self.config.dic["model"]
        for key, cfg in (("model.backbone.pretrained", model.get("backbone")), ("model.pretrained", model)):
            if isinstance(cfg, dict) and cfg.get("pretrained") is not None:
                if self._pretrained:
                    path = weights.locate(str(cfg["pretrained"]), key)
                    # The model reads it with paddle.load, which runs what the file asks for.
                    refuse_code(path)
                    located[key] = path, weights.has_scheme_of_ours(str(cfg["pretrained"]))
                    cfg["pretrained"] = str(path)
                else:
                    cfg["pretrained"] = None
        return located


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
