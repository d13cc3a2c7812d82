"""Expressions of Python as the project's formatter lays them out."""

import ast
import json
from collections.abc import Iterator
from typing import Final

__all__ = ["WIDTH", "flat", "imports_of", "laid_out"]

WIDTH: Final = 88
_INDENT: Final = "    "
_KNOWN: Final = frozenset({"op", "sa", "postgresql"})


def laid_out(node: ast.expr, indent: int = 1, before: str = "", after: str = "") -> str:
    """An expression, on one line where it fits, else one part a line. Pure.

    Args:
        node: the expression.
        indent: how deep its first line stands.
        before: what stands before it on that line.
        after: what stands behind it on its last line.
    """
    line = f"{_INDENT * indent}{before}{flat(node)}{after}"
    opening, parts, closing = _parts(node)
    if len(line) <= WIDTH or not parts:
        return line
    inner = [laid_out(part, indent + 1, name, ",") for name, part in parts]
    first = f"{_INDENT * indent}{before}{opening}"
    return "\n".join([first, *inner, f"{_INDENT * indent}{closing}{after}"])


def flat(node: ast.expr) -> str:
    """An expression on one line, with the quotes that the formatter prefers. Pure."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _text(node.value)
    if isinstance(node, ast.Attribute):
        return f"{flat(node.value)}.{node.attr}"
    opening, parts, closing = _parts(node)
    if not opening:
        return ast.unparse(node)
    inner = ", ".join(f"{name}{flat(part)}" for name, part in parts)
    comma = "," if isinstance(node, ast.Tuple) and len(parts) == 1 else ""
    return f"{opening}{inner}{comma}{closing}"


def imports_of(node: ast.expr) -> Iterator[str]:
    """The modules that an expression names types of, as in ``shop.types.Money()``."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            module = ast.unparse(call.func.value)
            if module.replace(".", "").isidentifier():
                root = module.partition(".")[0]
                if root not in _KNOWN:
                    yield module


def _parts(node: ast.expr) -> tuple[str, list[tuple[str, ast.expr]], str]:
    match node:
        case ast.Call():
            named = [(f"{one.arg}=", one.value) for one in node.keywords if one.arg]
            return f"{flat(node.func)}(", [("", one) for one in node.args] + named, ")"
        case ast.List():
            return "[", [("", one) for one in node.elts], "]"
        case ast.Tuple():
            return "(", [("", one) for one in node.elts], ")"
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return "{", [(f"{flat(key)}: ", one) for key, one in pairs if key], "}"
        case _:
            return "", [], ""


def _text(value: str) -> str:
    if '"' in value and "'" not in value:
        return repr(value)
    return json.dumps(value, ensure_ascii=False)
