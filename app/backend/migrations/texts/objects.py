"""Statements about indexes, whole tables, enums, triggers and policies. Pure."""

from collections.abc import Callable

from app.backend.migrations.changes import Change, ChangeKind, Work
from app.backend.migrations.sql.cursor import Cursor
from app.backend.migrations.statements import Lock
from app.backend.migrations.texts.reading import Reading, names, other

__all__ = ["alter_type", "create_index", "drop_index", "on_one", "on_tables"]


def create_index(verb: str, cursor: Cursor) -> Reading:
    """A build, under a lock that depends on CONCURRENTLY."""
    concurrently = cursor.take("CONCURRENTLY")
    cursor.take("IF", "NOT", "EXISTS")
    name = "" if cursor.ahead("ON") else cursor.name()
    cursor.take("ON")
    cursor.take("ONLY")
    table = cursor.name()
    lock = Lock.SHARE_UPDATE_EXCLUSIVE if concurrently else Lock.SHARE
    change = Change(kind=ChangeKind.INDEX_CREATED, table=table, name=name)
    return Reading(
        verb=verb,
        locks=((table, lock),),
        work=Work.BUILD,
        changes=(change,),
        concurrently=concurrently,
    )


def drop_index(verb: str, cursor: Cursor) -> Reading:
    """The index is named, and not its table."""
    concurrently = cursor.take("CONCURRENTLY")
    cursor.take("IF", "EXISTS")
    lock = Lock.SHARE_UPDATE_EXCLUSIVE if concurrently else Lock.ACCESS_EXCLUSIVE
    indexes = names(cursor)
    return Reading(
        verb=verb,
        locks=tuple((name, lock) for name in indexes),
        changes=tuple(
            Change(kind=ChangeKind.INDEX_DROPPED, name=one) for one in indexes
        ),
        concurrently=concurrently,
    )


def on_tables(kind: ChangeKind) -> Callable[[str, Cursor], Reading]:
    """What happens to whole tables: dropped, emptied."""

    def reading(verb: str, cursor: Cursor) -> Reading:
        cursor.take("TABLE")
        cursor.take("IF", "EXISTS")
        tables = names(cursor)
        return Reading(
            verb=verb,
            locks=tuple((name, Lock.ACCESS_EXCLUSIVE) for name in tables),
            changes=tuple(Change(kind=kind, table=name) for name in tables),
        )

    return reading


def alter_type(verb: str, cursor: Cursor) -> Reading:
    """Only a new value is more than a change of words."""
    name = cursor.name()
    if not cursor.take("ADD", "VALUE"):
        return other(verb, cursor)
    change = Change(kind=ChangeKind.ENUM_VALUE_ADDED, name=name)
    return Reading(verb=verb, changes=(change,))


def on_one(lock: Lock) -> Callable[[str, Cursor], Reading]:
    """Triggers and policies: the table stands behind ON."""

    def reading(verb: str, cursor: Cursor) -> Reading:
        cursor.until("ON")
        table = cursor.name() if cursor.take("ON") else ""
        locks = ((table, lock),) if table else ()
        return Reading(verb=verb, locks=locks, changes=other(verb, cursor).changes)

    return reading
