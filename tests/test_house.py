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
