"""PaddleSeg's YAML, read with every mistake reported before any work starts.

``load_config`` returns a ``paddleseg.cvlibs.Config``, so everything of PaddleSeg that takes one works with it.
PaddleSeg finds some mistakes deep inside a constructor, and others never. Here all are found first: a misspelled
key, a component that does not exist, an argument that its constructor does not have, ``5e-4``, which YAML reads as
text.
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional, Union

from paddleseg.cvlibs import Config
from paddleseg.cvlibs.config_checker import ConfigChecker, DefaultPrimaryRule

from paddleseg_ext.config.align_corners import settle_align_corners
from paddleseg_ext.config.components import check_components
from paddleseg_ext.config.numeric_values import check_numbers, check_text_numbers
from paddleseg_ext.config.options import apply_option
from paddleseg_ext.config.places import Places
from paddleseg_ext.config.protocol_keys import check_protocol_keys
from paddleseg_ext.config.schedule import check_schedule, move_decay
from paddleseg_ext.config.top_level_keys import check_keys
from paddleseg_ext.config.without_training import without_training
from paddleseg_ext.config.yaml_file import read_yaml, require_yaml
from paddleseg_ext.errors import UserError


class ValidatedConfig(Config):
    """``paddleseg.cvlibs.Config`` that reports a fault as a ``UserError`` with file, line and key.

    Args:
        path: The YAML file.
        training: Whether the file has to say how to train. If not, the keys that only training needs are not read.
        learning_rate, batch_size, iters: Overrule the file when not None.
        opts: ``key=value`` strings; a dot enters a mapping, a whole number takes an item of a list.

    Attributes:
        path: The YAML file.
        where: ``where("model", "type")`` is ``FILE line N`` of that key.
        written: The merged content of the file and its bases, without the changes of the command line.
    """

    def __init__(self, path: Union[str, Path], training: bool = True, **changes: Any) -> None:
        path = str(path)
        self.path = path
        self.where = Places(path)
        self._training = training
        require_yaml(path, "--config")
        try:
            super().__init__(path, **changes)
        except (RuntimeError, AssertionError, ValueError) as error:
            # PaddleSeg's own checks. The last line of their message says what is wrong.
            raise UserError(f"{path}: {str(error).strip().splitlines()[-1].rstrip('.')}.") from error
        for check in (check_numbers, check_components, check_schedule, check_protocol_keys, settle_align_corners):
            check(self.dic, self.where)

    def _parse_from_yaml(self, path: str) -> dict:
        dic, self.where = read_yaml(Path(path))
        check_keys(dic, self.where)
        return dic

    def _build_default_checker(self) -> ConfigChecker:
        """PaddleSeg's rules. Without training, the rule that asks for all the keys of training is left out."""
        checker = super()._build_default_checker()
        if not self._training:
            checker.rule_list = [rule for rule in checker.rule_list if not isinstance(rule, DefaultPrimaryRule)]
        return checker

    def update_config_dict(
        self,
        dic: dict[str, Any],
        learning_rate: Optional[float] = None,
        batch_size: Optional[int] = None,
        iters: Optional[int] = None,
        opts: Optional[Sequence[str]] = None,
    ) -> dict[str, Any]:
        """Apply the values of the command line to ``dic`` and return it."""
        self.written = copy.deepcopy(dic)
        if learning_rate is not None:
            if not isinstance(dic.get("lr_scheduler"), dict):
                raise UserError(f"{self.path}: --learning_rate needs an lr_scheduler in the file; add one.")
            dic["lr_scheduler"]["learning_rate"] = learning_rate
        if batch_size is not None:
            dic["batch_size"] = batch_size
        if iters is not None:
            dic["iters"] = iters
        for item in opts or ():
            apply_option(dic, item)
        check_keys(dic, self.where)
        move_decay(dic, self.written)
        if not self._training:
            dic = without_training(dic, self.path)
        check_text_numbers(dic, self.where)
        return dic


def load_config(
    path: Union[str, Path],
    learning_rate: Optional[float] = None,
    iters: Optional[int] = None,
    batch_size: Optional[int] = None,
    opts: Optional[Sequence[str]] = None,
    training: bool = True,
) -> ValidatedConfig:
    """Read and check a YAML file in PaddleSeg's format.

    Args:
        path: The file. ``_base_`` names the files that it extends, relative to its own folder.
        learning_rate, iters, batch_size: Overrule the file.
        opts: ``key=value`` strings, e.g. ``["model.backbone.pretrained=null"]``.
        training: Whether the file has to say how to train. If not, ``TRAINING_KEYS`` and ``train_dataset`` may be
            missing, and are not read.

    Raises:
        UserError: Missing file, YAML syntax, misspelled key, unknown component or argument, wrong type of value.
    """
    return ValidatedConfig(
        path, training=training, learning_rate=learning_rate, iters=iters, batch_size=batch_size, opts=opts
    )
