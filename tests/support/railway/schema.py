"""Our part of Railway's schema with the simulator behind it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from inspect import isawaitable
from pathlib import Path
from typing import Any, Final

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute,
    extend_schema,
    parse,
    validate,
)

from tests.support.railway.authority import Asker, internal
from tests.support.railway.conductor import Conductor
from tests.support.railway.mutations import MUTATIONS
from tests.support.railway.queries import QUERIES

__all__ = ["UNKNOWN_STATUS", "Api", "Question", "RejectedError", "railway_schema"]

UNKNOWN_STATUS: Final = "TELEPORTING"
"""A status that the published schema does not have."""

_SDL: Final = Path(__file__).with_name("schema.graphql")


class RejectedError(Exception):
    """A document that is not executed: HTTP 400.

    Attributes:
        code: of the errors' extensions.
        errors: as in the body.
    """

    def __init__(self, code: str, errors: list[dict[str, Any]]) -> None:
        super().__init__(code)
        self.code = code
        self.errors = [{**one, "extensions": {"code": code}} for one in errors]


@dataclass(frozen=True, slots=True)
class Question:
    """One operation that may be executed."""

    document: DocumentNode
    operation: str
    changes: bool
    fields: tuple[str, ...]


@lru_cache
def railway_schema() -> GraphQLSchema:
    """The schema; every field that it asks of a root has a resolver by name."""
    published = build_schema(_SDL.read_text(), assume_valid=True)
    schema = extend_schema(
        published,
        parse(f"extend enum DeploymentStatus {{ {UNKNOWN_STATUS} }}"),
        assume_valid=True,
    )
    _resolve(schema.query_type, _query)
    _resolve(schema.mutation_type, _mutation)
    return schema


class Api:
    """Executes what is asked."""

    def __init__(self, conductor: Conductor) -> None:
        self._conductor = conductor

    def read(self, text: str, operation: str | None) -> Question:
        """Finds out what is asked.

        Raises:
            RejectedError: the document is none, or does not fit the schema.
        """
        return _read(text, operation)

    async def answer(
        self, asker: Asker, question: Question, variables: Mapping[str, Any]
    ) -> dict[str, Any]:
        """``data`` and ``errors``.

        Raises:
            RejectedError: the variables do not fit.
        """
        result = execute(
            railway_schema(),
            question.document,
            context_value=(asker, self._conductor),
            variable_values=dict(variables),
            operation_name=question.operation or None,
        )
        if isawaitable(result):
            result = await result
        errors = [_told(one) for one in result.errors or ()]
        if result.data is None and errors and "path" not in errors[0]:
            raise RejectedError("BAD_USER_INPUT", errors)
        body: dict[str, Any] = {"data": result.data}
        return {**body, "errors": errors} if errors else body


def _resolve(root: GraphQLObjectType | None, resolver: Any) -> None:
    if root is not None:
        for field in root.fields.values():
            field.resolve = resolver


def _query(_root: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
    asker, _ = info.context
    return QUERIES[info.field_name](asker, given)


async def _mutation(_root: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
    asker, conductor = info.context
    # Once begun it is done, whether or not the client waits for the answer.
    return await asyncio.shield(MUTATIONS[info.field_name](asker, conductor, given))


@lru_cache(maxsize=256)
def _read(text: str, operation: str | None) -> Question:
    try:
        document = parse(text)
    except GraphQLError as error:
        raise RejectedError("GRAPHQL_PARSE_FAILED", [_told(error)]) from None
    found = validate(railway_schema(), document)
    if found:
        errors = [_told(one) for one in found]
        raise RejectedError("GRAPHQL_VALIDATION_FAILED", errors)
    for definition in document.definitions:
        if not isinstance(definition, OperationDefinitionNode):
            continue
        name = definition.name.value if definition.name else ""
        if operation in {None, name}:
            fields = definition.selection_set.selections
            return Question(
                document,
                name,
                definition.operation is OperationType.MUTATION,
                tuple(getattr(one, "name").value for one in fields),  # noqa: B009 - mypy knows a fragment, too
            )
    told = [{"message": f'Unknown operation named "{operation}".'}]
    raise RejectedError("OPERATION_RESOLUTION_FAILURE", told)


def _told(error: GraphQLError) -> dict[str, Any]:
    """As Railway tells it: what goes wrong inside is opaque."""
    inside = error.original_error
    if inside is not None and not isinstance(inside, GraphQLError):
        error = GraphQLError(
            internal().message,
            path=error.path,
            nodes=error.nodes,
            extensions={"code": "INTERNAL_SERVER_ERROR"},
            original_error=inside,
        )
    body: dict[str, Any] = {"message": error.message}
    if error.locations:
        body["locations"] = [
            {"line": one.line, "column": one.column} for one in error.locations
        ]
    if error.path:
        body["path"] = error.path
        code = (error.extensions or {}).get("code", "INTERNAL_SERVER_ERROR")
        body["extensions"] = {"code": code}
        body["traceId"] = "0" * 19
    return body
