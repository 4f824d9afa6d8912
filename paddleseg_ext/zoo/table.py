"""The table of published rows."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Optional

import yaml

from paddleseg_ext.errors import UserError, hint

Facts = dict[str, Any]
PUBLISHED = Path(__file__).with_name("published.yml")
AUTHORS = Path(__file__).with_name("authors.yml")
# A clone of the repository has the configs; an installed package does not.
CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@lru_cache(maxsize=1)
def published() -> dict[str, Facts]:
    """Every published row by its name, in the publishers' order. ``published.yml`` describes the facts of a row."""
    return yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))["rows"]


@lru_cache(maxsize=1)
def authors() -> dict[str, Facts]:
    """The authors' own configurations, by the names of their YAML files; see ``authors.yml``."""
    return yaml.safe_load(AUTHORS.read_text(encoding="utf-8"))["rows"]


def config_path(name: str) -> Path:
    """The YAML file of the row ``name``, published or the authors'."""
    row = published().get(name) or authors()[name]
    return CONFIGS / row["model"].lower() / f"{name}.yml"


def shown_path(name: str) -> str:
    """``config_path``, relative to the root of the repository, with slashes."""
    return config_path(name).relative_to(CONFIGS.parent).as_posix()


def find_row(wanted: str, among_authors: bool = False) -> str:
    """The name of the row ``wanted``: a row's name, its YAML file, or its publisher's name of the configuration.

    Args:
        among_authors: Accept the authors' own configurations, too.

    Raises:
        UserError: There is no such row. The sentence names the nearest ones.
    """
    stem = wanted.replace("\\", "/").rsplit("/", 1)[-1]
    for suffix in (".yml", ".yaml", ".py"):
        if stem.endswith(suffix):
            stem = stem[: -len(suffix)]
    names: dict[str, str] = {}
    for name, row in {**published(), **(authors() if among_authors else {})}.items():
        names[name] = names[row["config"]] = name
    if stem in names:
        return names[stem]
    if stem in authors():
        raise UserError(
            f"{stem} is one of the authors' own configurations and not a published row; convert its checkpoint with "
            f"`python -m paddleseg_ext.convert FILE --config {shown_path(stem)} --output WEIGHTS.pdparams`."
        )
    near = hint(stem, names, "`python -m paddleseg_ext.zoo list` prints the 47 rows.")
    raise UserError(f"there is no row {wanted}; {near}")


def select(
    model: Optional[str] = None, dataset: Optional[str] = None, implementation: Optional[str] = None
) -> list[str]:
    """Names of the rows of a model, a data set and an implementation; None means any. Case does not matter.

    Raises:
        UserError: No row has such a model, data set or implementation.
    """
    chosen: list[tuple[Callable[[Facts], str], str]] = []
    for flag, wanted, key in (
        ("--model", model, lambda row: row["model"]),
        ("--dataset", dataset, lambda row: row["data"]["set"]),
        ("--implementation", implementation, lambda row: row["source"]),
    ):
        if wanted is None:
            continue
        there = {key(row) for row in published().values()}
        if wanted.lower() not in {value.lower() for value in there}:
            raise UserError(f"{flag} {wanted}: no row has it; use one of {', '.join(sorted(there))}.")
        chosen.append((key, wanted.lower()))
    return [name for name, row in published().items() if all(key(row).lower() == wanted for key, wanted in chosen)]
