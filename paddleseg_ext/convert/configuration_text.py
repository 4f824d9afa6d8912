"""A configuration as plain data, from text of Python or JSON. The text is parsed; nothing in it is run."""

import ast
from collections.abc import Mapping
from typing import Any, Optional

# A configuration takes some kB; text that is far longer is something else.
_LONGEST = 1 << 22
UNKNOWN = object()


def read_configuration(noted: Any) -> Optional[Mapping[str, Any]]:
    """A configuration as a mapping of plain values; None if it cannot be read.

    ``noted`` is the mapping itself, text of Python (assignments, or arguments of ``dict``), or text of JSON. Within it
    ``UNKNOWN`` replaces everything that is not a plain value.
    """
    if isinstance(noted, Mapping):
        return noted
    if not isinstance(noted, str) or len(noted) > _LONGEST:
        return None
    for text in (noted, f"model = dict({noted})"):
        try:
            return _assignments(ast.parse(text))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return None


def _assignments(tree: ast.Module) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
            value = _value(statement.value, found)
            if isinstance(target, ast.Name) and value is not UNKNOWN:
                found[target.id] = value
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, (ast.Constant, ast.Dict)):
            # JSON is an expression of Python, except for three words.
            value = _value(statement.value, {"true": True, "false": False, "null": None})
            if isinstance(value, dict):
                found.update(value)
    return found


def _value(node: ast.AST, names: Mapping) -> Any:
    """A literal, a ``dict(...)``, or a name that stands for one; ``UNKNOWN`` for anything else."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name):
        return names.get(node.id, UNKNOWN)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _value(node.operand, names)
        return -value if isinstance(value, (int, float)) else UNKNOWN
    if isinstance(node, (ast.List, ast.Tuple)):
        values = tuple(_value(element, names) for element in node.elts)
        return UNKNOWN if UNKNOWN in values else values
    pairs: list[tuple[Any, ast.expr]] = []
    if isinstance(node, ast.Dict):
        pairs = [(_value(key, names), value) for key, value in zip(node.keys, node.values) if key is not None]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict":
        pairs = [(keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg is not None]
    else:
        return UNKNOWN
    return {key: _value(value, names) for key, value in pairs if isinstance(key, str)}
