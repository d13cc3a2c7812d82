"""Cuts Railway's published schema down to what our operations use.

``python -m tests.support.railway.prune PUBLISHED`` writes ``schema.graphql`` anew; it
has to be run after a change of an operation, the pipeline's or of ``graphql/`` here.

Of types it keeps the fields that are selected; of arguments, inputs and enums all, so
that what may be sent is as strict as at Railway.
"""

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLNamedType,
    GraphQLSchema,
    Node,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_ast_schema,
    get_named_type,
    is_composite_type,
    is_specified_scalar_type,
    parse,
    print_ast,
    visit,
)

from tests.support.railway.operations import operation_texts

__all__ = ["SCHEMA", "pruned"]

SCHEMA: Final = Path(__file__).with_name("schema.graphql")

_HEAD: Final = """\
# The part of Railway's public GraphQL schema that our operations use, cut out of the
# introspection result in github.com/railwayapp/cli (MIT licence), src/gql/schema.json,
# by `python -m tests.support.railway.prune`; not to be changed by hand.
"""


def pruned(published: str, operations: Iterable[str]) -> str:
    """The schema that is left, as SDL in a fixed order.

    Raises:
        LookupError: an operation selects what there is not.
    """
    document = visit(parse(published), _Undescribed())
    # Railway deprecates a field of a type and not of its interface.
    schema = build_ast_schema(document, assume_valid=True)
    used = _Used(schema)
    for text in operations:
        visit(parse(text), TypeInfoVisitor(used.info, used))
    return "\n".join((_HEAD, *map(used.written, used.types())))


class _Undescribed(Visitor):
    """Leaves the descriptions out."""

    def enter(self, node: Any, *_: object) -> Node | None:
        described = getattr(node, "description", None) is not None
        return replace(node, description=None) if described else None


class _Used(Visitor):
    """Collects the types that are needed, and of them the fields that are selected."""

    def __init__(self, schema: GraphQLSchema) -> None:
        super().__init__()
        self.info = TypeInfo(schema)
        self._fields: dict[str, dict[str, GraphQLField]] = {}
        self._types: dict[str, GraphQLNamedType] = {}

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent, field = self.info.get_parent_type(), self.info.get_field_def()
        name = node.name.value
        if parent is None or field is None:
            raise LookupError(f"there is no field {name} in {parent}")
        if name.startswith("__"):
            return
        self._fields.setdefault(parent.name, {})[name] = field
        self._keep(parent)
        self._keep(get_named_type(field.type))
        for argument in field.args.values():
            self._keep(get_named_type(argument.type))

    def types(self) -> list[GraphQLNamedType]:
        """All that are needed, by name."""
        return [self._types[name] for name in sorted(self._types)]

    def written(self, one: GraphQLNamedType) -> str:
        """One type as SDL."""
        parts: list[Node | None]
        if is_composite_type(one):
            # Interfaces are left out: nothing of ours asks for one.
            fields = self._fields.get(one.name, {})
            parts = [fields[name].ast_node for name in sorted(fields)]
            return _block("type", one.name, parts)
        if isinstance(one, GraphQLInputObjectType):
            parts = [field.ast_node for field in one.fields.values()]
            return _block("input", one.name, parts)
        if isinstance(one, GraphQLEnumType):
            parts = [value.ast_node for value in one.values.values()]
            return _block("enum", one.name, parts)
        return f"scalar {one.name}\n"

    def _keep(self, one: GraphQLNamedType) -> None:
        if one.name in self._types or is_specified_scalar_type(one):
            return
        self._types[one.name] = one
        if isinstance(one, GraphQLInputObjectType):
            for field in one.fields.values():
                self._keep(get_named_type(field.type))


def _block(kind: str, name: str, parts: Iterable[Node | None]) -> str:
    lines = (f"  {print_ast(part)}\n" for part in parts if part is not None)
    return f"{kind} {name} {{\n{''.join(lines)}}}\n"


if __name__ == "__main__":
    SCHEMA.write_text(
        pruned(
            Path(sys.argv[1]).read_text(encoding="utf-8"), operation_texts().values()
        ),
        encoding="utf-8",
    )
