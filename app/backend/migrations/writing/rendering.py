"""Operations of Alembic as Python, in their safe form where they have one."""

import ast
from collections.abc import Iterable, Mapping
from typing import Any, Final

from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import render_op
from alembic.operations import MigrateOperation
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Enum
from sqlalchemy.sql.elements import conv

from app.backend.migrations.writing.layout import flat, imports_of, laid_out

__all__ = ["Rendering", "Text"]

_SAFE: Final = {
    "create_index": "safe_create_index",
    "drop_index": "safe_drop_index",
    "create_foreign_key": "safe_create_foreign_key",
    "create_unique_constraint": "safe_create_unique",
    "create_primary_key": "safe_create_primary_key",
    "create_check_constraint": "safe_create_check",
    "drop_constraint": "safe_drop_constraint",
    "add_column": "safe_add_column",
    "drop_column": "safe_drop_column",
}
_NAMED: Final = ("table_name",)
"""Keywords of Alembic's operations that are positional in ours."""
_KEPT: Final = {
    "safe_drop_index": {"schema"},
    "safe_drop_constraint": {"schema", "type_"},
}
"""Keywords of these; others say what the thing was, for Alembic's own way back."""

_ADDED: Final[Mapping[str, Mapping[str, object]]] = {
    # The models say which indexes there are.
    "safe_create_foreign_key": {"index": False},
}


class Text(str):
    """A statement as Python, with the imports that it needs."""

    __slots__ = ("imports",)
    imports: frozenset[str]


class Rendering:
    """Writes operations as a revision has them.

    Args:
        context: of the database that was compared.
    """

    def __init__(self, context: MigrationContext) -> None:
        self.context = AutogenContext(
            context,
            autogenerate=False,
            opts={
                "sqlalchemy_module_prefix": "sa.",
                "alembic_module_prefix": "op.",
                "user_module_prefix": None,
                "render_as_batch": False,
                "render_item": _enum_without_type,
            },
        )
        self.context.imports = set()

    def plain(self, operations: Iterable[MigrateOperation]) -> tuple[Text, ...]:
        """As Alembic would write them, laid out."""
        return tuple(
            self._text(node) for one in operations for node in self._nodes(one)
        )

    def safe(self, operation: MigrateOperation) -> tuple[Text, ...]:
        """In its safe form, which it has to have."""
        return tuple(self._text(_safe(node)) for node in self._nodes(operation))

    def call(self, directive: str, *words: object, **named: object) -> Text:
        """A directive by its name; arguments that are None are left out."""
        keywords = {name: one for name, one in named.items() if one is not None}
        return self._text(
            ast.Call(
                func=ast.Attribute(ast.Name("op"), directive),
                args=[_value(one) for one in words],
                keywords=[ast.keyword(*_pair(one)) for one in keywords.items()],
            )
        )

    def _nodes(self, operation: MigrateOperation) -> list[ast.Call]:
        self.context.imports.clear()
        lines = render_op(self.context, operation)
        found = [ast.parse(line, mode="eval").body for line in lines]
        return [one for one in found if isinstance(one, ast.Call)]

    def _text(self, node: ast.expr) -> Text:
        text = Text(laid_out(node).strip())
        modules = {f"import {module}" for module in imports_of(node)}
        used = flat(node)
        alembics = {
            one for one in self.context.imports if f"{one.split()[-1]}." in used
        }
        text.imports = frozenset(modules | alembics)
        return text


def _safe(node: ast.Call) -> ast.Call:
    assert isinstance(node.func, ast.Attribute)  # noqa: S101 - Alembic writes op.…
    name = _SAFE[node.func.attr]
    kept = _KEPT.get(name)
    named = [one for one in node.keywords if one.arg in _NAMED]
    others = [
        one
        for one in node.keywords
        if one.arg not in _NAMED and (kept is None or one.arg in kept)
    ]
    added = [ast.keyword(*_pair(one)) for one in _ADDED.get(name, {}).items()]
    return ast.Call(
        func=ast.Attribute(node.func.value, name),
        args=[*node.args, *(one.value for one in named)],
        keywords=[*others, *added],
    )


def _pair(item: tuple[str, object]) -> tuple[str, ast.expr]:
    return item[0], _value(item[1])


def _value(given: object) -> ast.expr:
    if isinstance(given, conv):  # no naming convention is to change it
        return ast.Call(ast.Attribute(ast.Name("op"), "f"), [_value(str(given))], [])
    return ast.parse(repr(given), mode="eval").body


def _enum_without_type(kind: str, thing: Any, context: AutogenContext) -> Any:
    """An enum's type is a statement of its own, which goes both ways."""
    if kind != "type" or not isinstance(thing, Enum):
        return False
    if not (thing.native_enum and thing.name):
        return False
    context.imports.add("from sqlalchemy.dialects import postgresql")
    schema = f", schema={thing.schema!r}" if thing.schema else ""
    labels = ", ".join(map(repr, thing.enums))
    return f"postgresql.ENUM({labels}, name={thing.name!r}{schema}, create_type=False)"
