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
