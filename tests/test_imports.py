"""Which rooms of the package know which: what converts, compares and lists published models is known to nobody else."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "paddleseg_ext"
ON_TOP = ("convert", "parity", "zoo")
BELOW = sorted(path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name not in (*ON_TOP, "__pycache__"))


def rooms_known_to(folder: Path) -> set:
    """The rooms of the package that any file below ``folder`` imports, inside functions too."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                found.update([node.module, *(f"{node.module}.{name.name}" for name in node.names)])
            elif isinstance(node, ast.Import):
                found.update(name.name for name in node.names)
    return {name.split(".")[1] for name in found if name.startswith("paddleseg_ext.")}


@pytest.mark.parametrize("room", BELOW)
def test_rooms_below_know_nothing_of_those_on_top(room):
    assert not rooms_known_to(PACKAGE / room) & set(ON_TOP)


def test_the_others_are_seen():
    assert {"engine", "models"} <= set(BELOW)
    assert {"convert", "engine"} <= rooms_known_to(PACKAGE / "zoo")
    assert rooms_known_to(PACKAGE / "models") >= {"ops"}


def test_models_know_nothing_of_the_engine():
    assert "engine" not in rooms_known_to(PACKAGE / "models")
