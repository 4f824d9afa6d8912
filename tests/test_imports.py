"""The order of the rooms: imports run down this list, and docs/design.md shows the same list."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "paddleseg_ext"
# From the bottom to the top. Rooms on one line do not import each other.
ORDER = (
    ("errors", "compat", "environment"),
    ("files", "cli", "ops", "backbones", "transforms"),
    ("weights", "datasets", "models"),
    ("protocol", "pictures"),
    ("config", "engine", "deploy"),
    ("convert", "commands", "takeover"),
    ("zoo", "parity"),
)
LINE = {room: number for number, rooms in enumerate(ORDER) for room in rooms}


def imported_rooms(source: str) -> set:
    """The rooms that a file imports, inside functions too; ``from paddleseg_ext import cli`` counts for cli."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert not node.level, "imports are written in full"
            found.update(f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            found.update(name.name for name in node.names)
    names = (name.split(".") for name in found)
    return {parts[1] for parts in names if parts[0] == "paddleseg_ext" and len(parts) > 1 and parts[1] in LINE}


def wrong_imports(room: str, source: str) -> set:
    """The rooms that a file of ``room`` imports although they do not stand below it."""
    return {other for other in imported_rooms(source) - {room} if LINE[other] >= LINE[room]}


def files_of(room: str) -> Iterator[Path]:
    """The files of a room, which is a folder or one file."""
    folder = PACKAGE / room
    yield from sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def test_every_room_has_its_place():
    found = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert found - {"__init__"} == set(LINE)


def test_the_document_shows_this_list():
    text = (REPOSITORY / "docs/design.md").read_text("utf-8")
    shown = text.split("## The order of imports")[1].split("```")[1].strip()
    assert tuple(tuple(line.split()) for line in shown.splitlines()) == ORDER


@pytest.mark.parametrize("room", LINE)
def test_a_room_imports_only_what_stands_below_it(room):
    wrong = {str(path.relative_to(PACKAGE)): wrong_imports(room, path.read_text("utf-8")) for path in files_of(room)}
    assert not {path: rooms for path, rooms in wrong.items() if rooms}


@pytest.mark.parametrize("number", range(len(ORDER)))
@pytest.mark.parametrize(
    "line", ["from paddleseg_ext.{} import x", "import paddleseg_ext.{}", "from paddleseg_ext import {}"]
)
def test_an_import_from_above_or_beside_is_seen(number, line):
    for room in ORDER[number]:
        for other in LINE:
            if other != room:
                added = f"def f():\n    {line.format(other)}\n"
                assert wrong_imports(room, added) == ({other} if LINE[other] >= number else set())


def test_no_room_holds_more_than_fifteen_percent_of_the_lines():
    lines = {room: sum(len(path.read_text("utf-8").splitlines()) for path in files_of(room)) for room in LINE}
    largest = max(lines, key=lines.get)
    assert lines[largest] <= 0.15 * sum(lines.values()), f"{largest}: {lines[largest]} of {sum(lines.values())}"


@pytest.mark.parametrize("script", ["train", "val", "export", "predict"])
def test_root_scripts_only_start_their_command(script):
    source = (REPOSITORY / f"{script}.py").read_text("utf-8")
    assert imported_rooms(source) == {"cli", "commands"}
    assert not any(isinstance(node, (ast.FunctionDef, ast.ClassDef)) for node in ast.walk(ast.parse(source)))
