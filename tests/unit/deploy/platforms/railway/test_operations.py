"""Every operation is one that Railway takes, as far as its published schema says."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    FieldNode,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    parse,
    validate,
    visit,
)

from app.backend.deploy.platforms.railway.operations import (
    OPERATIONS as FOLDER,
)
from app.backend.deploy.platforms.railway.operations import (
    changes,
    operation,
)
from tests.support.railway.operations import operation_texts
from tests.support.railway.prune import SCHEMA, pruned

OPERATIONS = operation_texts()
ROOT = Path(__file__).parents[5]
PUBLISHED = ROOT.parent / "shared" / "railway" / "schema.graphql"

needs_published = pytest.mark.skipif(
    not PUBLISHED.is_file(),
    reason="Railway's published schema is not beside the project"
    " (../shared/railway/schema.graphql): operations are compared with our part alone",
)


@pytest.fixture(scope="module")
def ours() -> GraphQLSchema:
    return build_schema(SCHEMA.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def published() -> GraphQLSchema:
    # Railway deprecates a field of a type and not of its interface.
    return build_schema(PUBLISHED.read_text(encoding="utf-8"), assume_valid=True)


def deprecated(schema: GraphQLSchema, text: str) -> list[str]:
    """What a text uses of what is to go."""
    found: list[str] = []
    info = TypeInfo(schema)

    class Looking(Visitor):
        def enter_field(self, node: FieldNode, *_: object) -> None:
            field = info.get_field_def()
            if field is not None and field.deprecation_reason is not None:
                found.append(f"{info.get_parent_type()}.{node.name.value}")

        def enter_argument(self, *_: object) -> None:
            argument = info.get_argument()
            if argument is not None and argument.deprecation_reason is not None:
                found.append(f"an argument of {info.get_parent_type()}")

    visit(parse(text), TypeInfoVisitor(info, Looking()))
    return found


def lines(schema: GraphQLSchema) -> Iterator[str]:
    """Each field, argument, input field and value of a schema, on one line."""
    for name, one in schema.type_map.items():
        for value in getattr(one, "values", ()):
            yield f"{name}.{value}"
        for field, told in getattr(one, "fields", {}).items():
            yield f"{name}.{field}: {told.type}"
            for argument, its in getattr(told, "args", {}).items():
                yield f"{name}.{field}({argument}: {its.type})"


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_valid_and_uses_nothing_deprecated(
    name: str, ours: GraphQLSchema
) -> None:
    assert validate(ours, parse(OPERATIONS[name])) == []
    assert deprecated(ours, OPERATIONS[name]) == []


@needs_published
def test_every_operation_fits_what_railway_has_published(
    published: GraphQLSchema,
) -> None:
    for text in OPERATIONS.values():
        assert validate(published, parse(text)) == []
        assert deprecated(published, text) == []


@needs_published
def test_our_part_of_the_schema_is_what_is_cut_out_of_the_published_one(
    ours: GraphQLSchema, published: GraphQLSchema
) -> None:
    foreign = {one for one in lines(ours) if not one.startswith("__")}
    assert foreign <= set(lines(published))
    anew = pruned(PUBLISHED.read_text(encoding="utf-8"), OPERATIONS.values())
    assert SCHEMA.read_text(encoding="utf-8") == anew


def test_a_deprecated_field_would_be_found() -> None:
    schema = build_schema('type Query { a: Int b: Int @deprecated(reason: "old") }')

    assert deprecated(schema, "query { a b }") == ["Query.b"]


SMOKE = {"NotificationRuleDelete"}
"""What the live smoke test asks, with the pipeline's own client."""


def test_every_operation_that_is_shipped_is_asked_for_somewhere() -> None:
    shipped = {path.stem for path in FOLDER.glob("*.graphql")}
    code = "".join(path.read_text("utf-8") for path in FOLDER.parent.rglob("*.py"))
    assert {name for name in shipped if f'"{name}"' not in code} == SMOKE


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_file_holds_one_operation_of_its_own_name(name: str) -> None:
    (definition,) = parse(OPERATIONS[name]).definitions

    assert isinstance(definition, OperationDefinitionNode)
    assert definition.name is not None
    assert definition.name.value == name
    if (FOLDER / f"{name}.graphql").exists():
        assert changes(name) == (definition.operation.value == "mutation")


def test_an_operation_that_there_is_not_is_said_to_be_none() -> None:
    with pytest.raises(LookupError, match="Nuke"):
        operation("Nuke")


def test_the_schema_is_pruned_to_what_is_selected() -> None:
    full = """
    "All of it" type Query { "One" a(x: In, y: Kind = A): T, b: Int }
    type T { "Its id" id: ID!, other: Other } type Other { x: Int }
    input In { deep: Deep! = {n: 1} } input Deep { n: Int } enum Kind { A B }
    type Unused { a: Int }
    """

    left = build_schema(pruned(full, ["query { a { id __typename } }"]))

    ours = {name for name in left.type_map if not name.startswith("__")}
    assert ours - {"Boolean", "String", "ID", "Int", "Float"} == {
        "Query", "T", "In", "Deep", "Kind",
    }  # fmt: skip
    assert set(lines(left)) >= {
        "Query.a: T", "Query.a(x: In)", "Query.a(y: Kind)", "T.id: ID!", "Kind.B",
        "In.deep: Deep!",
    }  # fmt: skip
    assert not {"Query.b: Int", "T.other: Other"} & set(lines(left))


def test_what_railway_does_not_have_cannot_be_pruned_to() -> None:
    with pytest.raises(LookupError, match="nothing"):
        pruned("type Query { a: Int }", ["query { nothing }"])
