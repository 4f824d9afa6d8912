"""Model, optimizer, losses and data sets, built from a checked configuration."""

from pathlib import Path
from typing import Any, Optional

from paddleseg.cvlibs import Config, SegBuilder

from paddleseg_ext.config.data_files import check_data_files
from paddleseg_ext.errors import UserError, one_line
from paddleseg_ext.weights import pretrained
from paddleseg_ext.weights.loading import set_pretrained


class Builder(SegBuilder):
    """PaddleSeg's ``SegBuilder`` whose failures are one sentence that names component and reason.

    ``build`` takes ``"model"``, ``"optimizer"``, ``"loss"``, ``"train_dataset"``, ``"val_dataset"`` or
    ``"val_transforms"``. Each of them is built once.

    Args:
        config: From ``load_config``.
        pretrained: Whether to load the weights that the YAML names as ``pretrained``. Say False when weights of the
            whole model are loaded afterwards; then nothing is downloaded.
    """

    def __init__(self, config: Config, pretrained: bool = True) -> None:
        super().__init__(config)
        self._pretrained = pretrained
        # For each local file of weights: its key in the YAML, and whether the file must hold every weight.
        self._located: dict[str, tuple[str, bool]] = {}

    def build(self, what: str) -> Any:
        """The component ``what`` of the configuration.

        Raises:
            UserError: It cannot be built, its data are missing, or its ``pretrained`` weights are missing or belong to
                another model.
        """
        if what in ("train_dataset", "val_dataset"):
            check_data_files(self.config, what)
        of_model = what in ("model", "optimizer")
        for section, content in self.config.dic.items():
            if (section == "model") == of_model:
                self._locate_pretrained(content, section)
        try:
            return getattr(self, what)
        except Exception as error:
            raise _sentence(error, what) from error

    def build_component_impl(self, component_class: Any, *args: Any, **kwargs: Any) -> Any:
        """Build one component. PaddleSeg calls this for every component, inner ones first.

        A layer is built without ``pretrained``, because PaddleSeg would open that file with ``paddle.load``.
        ``weights.loading`` sets its weights afterwards.
        """
        path = str(kwargs.get("pretrained"))
        if path in self._located:
            kwargs["pretrained"] = None
        elif kwargs.get("pretrained") is not None:
            # Unreachable from a YAML: each ``pretrained`` is located first. PaddleSeg would run what is in the file.
            raise UserError(f"{self.config.path}: pretrained {path} was not checked before; leave it out.")
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

    def _locate_pretrained(self, cfg: Any, key: str) -> None:
        """Replace ``pretrained`` of a component, and of those in it, by a local file, or by None."""
        if isinstance(cfg, (dict, list)):
            for name, value in cfg.items() if isinstance(cfg, dict) else enumerate(cfg):
                self._locate_pretrained(value, f"{key}.{name}")
        if not self.is_meta_type(cfg):
            return
        source = cfg.get("pretrained")
        if source is None or str(source) in self._located:
            return
        cfg["pretrained"] = None
        if self._pretrained:
            path = str(pretrained.locate(str(source), f"{key}.pretrained"))
            self._located[path] = f"{key}.pretrained", pretrained.has_scheme_of_ours(str(source))
            cfg["pretrained"] = path


def _sentence(error: BaseException, what: str) -> UserError:
    """The sentence of the first failure. PaddleSeg wraps the failure of an inner component once per level."""
    cause: Optional[BaseException] = error
    while cause is not None:
        if isinstance(cause, UserError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return UserError(f"{what} cannot be built: {one_line(error)}")
