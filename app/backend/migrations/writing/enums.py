"""Enum types of the models, beside those of the database. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Enum, MetaData

from app.backend.migrations.operations.naming import qualified, text_literal
from app.backend.migrations.writing.outcome import NEW, Draft, Drawn, Refusal
from app.backend.migrations.writing.rendering import Rendering

__all__ = ["draw_enums", "enums_of"]

Name = tuple[str | None, str]
_NO_WAY_BACK: Final = """\
raise MigrationError(
        "PostgreSQL takes no value of an enum away",
        remedy="leave it: an unused value harms nobody",
    )"""
_ITS_IMPORT: Final = "from app.errors import MigrationError"


def enums_of(metadata: MetaData | Sequence[MetaData]) -> dict[Name, tuple[str, ...]]:
    """The native enums that the models' columns have, with their values."""
    several = metadata if isinstance(metadata, Sequence) else [metadata]
    found: dict[Name, tuple[str, ...]] = {}
    for one in several:
        for table in one.tables.values():
            for column in table.columns:
                kind: Any = getattr(column.type, "item_type", column.type)
                if isinstance(kind, Enum) and kind.native_enum and kind.name:
                    found[kind.schema, kind.name] = tuple(kind.enums)
    return found


def draw_enums(
    wanted: Mapping[Name, tuple[str, ...]],
    there: Mapping[Name, tuple[str, ...]],
    rendering: Rendering,
    drawn: Drawn,
) -> None:
    """New types, and new values of those that are there; none is taken away."""
    created = {name: values for name, values in wanted.items() if name not in there}
    if created:
        drawn.drafts.append(_creating(created, rendering))
    for name, values in wanted.items():
        before = there.get(name, values)
        gone = [one for one in before if one not in values]
        if gone:
            drawn.refused.append(_gone(name[1], gone))
        added = tuple(_added(name, values, before, rendering))
        if added:
            drawn.drafts.append(
                Draft(
                    title=f"values of {name[1]}",
                    up=added,
                    down=(_NO_WAY_BACK,),
                    imports=frozenset({_ITS_IMPORT}),
                )
            )


def _creating(created: Mapping[Name, tuple[str, ...]], rendering: Rendering) -> Draft:
    up, down = [], []
    for (schema, name), values in created.items():
        target = qualified(name, schema)
        listed = ", ".join(text_literal(one) for one in values)
        up.append(rendering.call("execute", f"CREATE TYPE {target} AS ENUM ({listed})"))
        down.append(rendering.call("execute", f"DROP TYPE {target}"))
    names = ", ".join(name for _, name in created)
    return Draft(
        title=f"types {names}", up=tuple(up), down=tuple(down[::-1]), group=NEW
    )


def _added(
    name: Name, values: Sequence[str], before: Sequence[str], rendering: Rendering
) -> Iterator[str]:
    schema, enum = name
    known = list(before)
    for place, value in enumerate(values):
        if value in known:
            continue
        after = values[place - 1] if place else None
        follows = next((one for one in values[place + 1 :] if one in known), None)
        more = {"after": after} if after else {"before": follows}
        yield rendering.call("safe_add_enum_value", enum, value, schema=schema, **more)
        known.append(value)


def _gone(enum: str, values: Sequence[str]) -> Refusal:
    return Refusal(
        what=f"the enum {enum} no longer has {', '.join(values)}",
        why="PostgreSQL cannot take a value away, and rows may hold it",
        remedy="keep it in the models, or move the column to another type in steps",
    )
