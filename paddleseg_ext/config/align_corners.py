"""One ``align_corners``: the model's decides that of ``test_config``."""

import inspect
from typing import Any

from paddleseg.cvlibs import manager

from paddleseg_ext.config.places import Places, placed
from paddleseg_ext.errors import UserError
from paddleseg_ext.protocol.inference import protocol_of


def settle_align_corners(dic: dict, places: Places) -> None:
    """Add to ``test_config`` the ``align_corners`` that the model asks for.

    A layout may fix the model's value, and it may resize the logits to the original size in another way than inside
    the model (``models.layouts``).

    Args:
        dic: The configuration, whose components are checked; it changes in place.

    Raises:
        UserError: ``model`` contradicts its layout, ``test_config`` contradicts the model, or the model cannot follow
            the test protocol.
    """
    model, component = dic["model"], manager.MODELS[dic["model"]["type"]]
    defaults = {name: p.default for name, p in inspect.signature(component).parameters.items()}
    own, after, because = model.get("align_corners", defaults.get("align_corners")), False, ""
    if not isinstance(model.get("align_corners", False), bool):
        where = places("model", "align_corners")
        raise UserError(f"{where}: model.align_corners must be true or false, not {model['align_corners']!r}.")
    layout = model.get("layout", defaults.get("layout"))
    row = getattr(component, "layouts", {}).get(layout) if isinstance(layout, str) else None
    if row is not None:
        if row.align_corners is not None:
            because = f" with layout {layout}"
            if "align_corners" in model and own != row.align_corners:
                raise UserError(
                    f"{places('model', 'align_corners')}: model.align_corners is {_yaml(own)}, and{because} it is "
                    f"{_yaml(row.align_corners)}; leave it out."
                )
            own = row.align_corners
        after = own if row.original_align_corners is None else row.original_align_corners
    test_config = dic.get("test_config", {})
    said = test_config.get("align_corners")
    if said is None:
        if after:
            dic["test_config"] = {**test_config, "align_corners": True}
    elif isinstance(own, bool) and said != own:
        raise UserError(
            f"{places('test_config', 'align_corners')}: test_config.align_corners is {_yaml(said)}, and the model's "
            f"align_corners{because} is {_yaml(own)}; leave it out of test_config, where it follows the model."
        )
    with placed(f"{places('test_config')}: test_config: "):
        protocol_of(dic.get("test_config", {})).check_model(component)


def _yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
