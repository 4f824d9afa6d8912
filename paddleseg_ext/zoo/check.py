"""The comparison of a YAML file's models, data and schedules with the published facts."""

import math
from collections.abc import Iterator
from typing import Any

from paddle import nn

from paddleseg_ext.errors import UserError
from paddleseg_ext.zoo import curves
from paddleseg_ext.zoo.built import built_facts
from paddleseg_ext.zoo.table import Facts, authors, config_path, published

_ABSENT = "nothing"
# A YAML file does not have these facts: sources, figures, and values that follow from other facts.
_NOT_BUILT = {
    "source",
    "peer",
    "peer_url",
    "peer_remark",
    "config",
    "miou",
    "miou_ms_flip",
    "checkpoint",
    "checkpoint_access",
    "log",
    "remarks",
}


def check_row(name: str, backbones: dict[tuple[str, str], nn.Layer]) -> list[str]:
    """A sentence for each difference between a row and its built YAML file.

    Args:
        name: The row.
        backbones: See ``built_facts``.
    """
    try:
        found = built_facts(config_path(name), backbones)
    except UserError as error:
        return [str(error)]
    if name in published():
        expected = expected_facts(published()[name])
    else:
        expected = {key: value for key, value in authors()[name].items() if key not in _NOT_BUILT}
        found = among(expected, found)
    return [f"{key} is {_word(value)}, published is {_word(fact)}" for key, fact, value in differences(expected, found)]


def among(expected: Any, found: Any) -> Any:
    """The entries of ``found`` that ``expected`` has, too. A test protocol (``test``) keeps all its entries."""
    if not isinstance(expected, dict) or not isinstance(found, dict):
        return found
    return {
        key: value if key == "test" else among(expected[key], value) for key, value in found.items() if key in expected
    }


def expected_facts(row: Facts) -> Facts:
    """The facts that a row demands of its YAML file, in the form of ``built_facts``."""
    facts = {key: value for key, value in row.items() if key not in _NOT_BUILT}
    facts["data"] = {key: value for key, value in row["data"].items() if key != "train_images"}
    facts["schedule"] = {key: row["schedule"][key] for key in ("iterations", "decay_steps")}
    rate = {key: value for key, value in row["learning_rate"].items() if key != "curve"}
    points = curves.points(row["schedule"]["iterations"])
    facts["learning_rate"] = {**rate, "at": {point: curves.learning_rate(row, point) for point in points}}
    facts["backbone"] = {**row["backbone"], "pretrained": {"url": row["backbone"]["pretrained"]["url"]}}
    return facts


def differences(published_facts: Any, found: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(key, published, found) of every fact that differs. Numbers may differ by rounding."""
    if isinstance(published_facts, dict) and isinstance(found, dict):
        for name in (*published_facts, *(name for name in found if name not in published_facts)):
            inner = f"{key}.{name}" if key else str(name)
            yield from differences(published_facts.get(name, _ABSENT), found.get(name, _ABSENT), inner)
    elif isinstance(published_facts, list) and isinstance(found, list) and len(published_facts) == len(found):
        for index, pair in enumerate(zip(published_facts, found)):
            yield from differences(*pair, f"{key}[{index}]")
    elif not _same(published_facts, found):
        yield key, published_facts, found


def _same(published_fact: Any, found: Any) -> bool:
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in (published_fact, found))
    if numbers:
        return math.isclose(published_fact, found, rel_tol=1e-6, abs_tol=1e-12)
    return type(published_fact) is type(found) and published_fact == found


def _word(fact: Any) -> str:
    return fact if isinstance(fact, str) else repr(fact)
