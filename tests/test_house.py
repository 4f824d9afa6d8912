"""Rules that hold for every file of the package, read from the syntax trees."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "paddleseg_ext"
MOST_LINES = 70


def long_functions(text: str, most: int = MOST_LINES) -> list[tuple[str, int]]:
    """Functions above ``most`` lines, signature and docstring included: name and length."""
    functions = [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    lengths = [(node.name, node.end_lineno - node.lineno + 1) for node in functions]
    return [(name, length) for name, length in lengths if length > most]


def test_no_function_is_longer_than_a_page():
    paths = sorted(PACKAGE.rglob("*.py"))
    assert len(paths) > 50
    found = {str(path.relative_to(PACKAGE)): long_functions(path.read_text(encoding="utf-8")) for path in paths}
    assert {name: functions for name, functions in found.items() if functions} == {}


def test_the_rule_sees_methods_and_inner_functions():
    text = "class A:\n    def long(self):\n        def inner():\n            1\n            2\n        3\n"
    assert long_functions(text, most=2) == [("long", 5), ("inner", 3)]
    assert long_functions(text, most=5) == []


# Types that say nothing of what is in them.
BARE = {
    "tuple",
    "list",
    "dict",
    "set",
    "frozenset",
    "Iterator",
    "Iterable",
    "Sequence",
    "Mapping",
    "Callable",
    "Generator",
}


def vague_functions(text: str) -> list[str]:
    """Public functions and methods without annotations, or that return a bare container."""
    found = []
    for owner in [(tree := ast.parse(text)), *(node for node in tree.body if isinstance(node, ast.ClassDef))]:
        if getattr(owner, "name", "").startswith("_"):
            continue
        for node in owner.body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            static = any(getattr(each, "id", "") == "staticmethod" for each in node.decorator_list)
            if isinstance(owner, ast.ClassDef) and not static:
                arguments = arguments[1:]
            returned = "" if node.returns is None else ast.unparse(node.returns)
            if not returned or returned in BARE or any(argument.annotation is None for argument in arguments):
                found.append(node.name)
    return found


def test_public_functions_say_what_they_take_and_return():
    found = {
        str(path.relative_to(PACKAGE)): vague_functions(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }
    assert {name: functions for name, functions in found.items() if functions} == {}


def test_the_rule_sees_a_bare_container_and_a_missing_annotation():
    assert vague_functions("def f(a: int) -> tuple: ...") == ["f"]
    assert vague_functions("def f(a) -> int: ...") == ["f"]
    assert vague_functions("class A:\n    def f(self) -> dict: ...\n    def g(self, b: int) -> None: ...") == ["f"]
    assert vague_functions("class A:\n    def f(self): ...\n    def _g(self): ...") == ["f"]
    assert vague_functions("def f(a: int) -> tuple[int, str]: ...") == []


TESTS = PACKAGE.parent / "tests"
# Modules without a test file of their name, and the reason.
TESTED_ELSEWHERE = {
    "convert/implementation.py": "holds only the form of a row; test_implementations.py fills one in",
    "convert/implementations/imagenet.py": "a table; test_implementations.py and test_backbones.py read it",
    "convert/implementations/mmseg.py": "a table; test_implementations.py reads it",
    "convert/implementations/mmseg_notes.py": "test_notes.py reads the notes of both implementations that have any",
    "convert/implementations/openseg.py": "a table; test_implementations.py and test_notes.py read it",
    "convert/implementations/paddle.py": "a table; test_implementations.py reads it",
    "convert/implementations/semseg.py": "a table; test_implementations.py reads it",
    "convert/implementations/ssseg.py": "a table; test_implementations.py reads it",
    "parity/peer_side/bootstrap.py": "runs in the interpreter of the peers, so tests/peers tests it",
    "parity/peer_side/networks.py": "runs in the interpreter of the peers, so tests/peers tests it",
    "parity/peer_side/protocol.py": "runs in the interpreter of the peers, so tests/peers tests it",
}


def untested(package: Path, tests: Path) -> list[str]:
    """Modules ``ROOM/NAME.py`` of ``package`` for which ``tests`` does not have ``ROOM/test_NAME.py``."""
    modules = [path.relative_to(package) for path in sorted(package.rglob("*.py")) if path.name != "__init__.py"]
    return [str(path) for path in modules if not (tests / path.parent / f"test_{path.stem.strip('_')}.py").exists()]


def test_every_module_has_a_test_file_of_its_name():
    missing = untested(PACKAGE, TESTS)
    bare = sorted(set(missing) - set(TESTED_ELSEWHERE))
    assert not bare, f"{bare}: write tests/ROOM/test_NAME.py, or give the reason in TESTED_ELSEWHERE."
    assert set(TESTED_ELSEWHERE) <= set(missing), "TESTED_ELSEWHERE names modules that have a test file, or are gone."


def test_the_rule_sees_a_module_without_a_test_file(tmp_path):
    for name in ("package/room/bare.py", "package/room/held.py", "package/__main__.py", "package/room/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "tests/room").mkdir(parents=True)
    for name in ("room/test_held.py", "test_main.py"):
        (tmp_path / "tests" / name).touch()
    assert untested(tmp_path / "package", tmp_path / "tests") == ["room/bare.py"]
