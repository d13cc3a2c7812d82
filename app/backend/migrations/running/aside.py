"""Statements of our own on a revision's connection."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

__all__ = ["aside", "autocommits"]


def aside(connection: "Connection", sql: str, *values: Any) -> list[Any]:
    """Runs a statement past SQLAlchemy's events, and so past the gate.

    Raises:
        Exception: what the driver raises, not wrapped by SQLAlchemy.
    """
    cursor = connection.connection.cursor()
    try:
        cursor.execute(sql, values)
        return list(cursor.fetchall()) if cursor.description else []
    finally:
        cursor.close()


def autocommits(connection: "Connection") -> bool:
    """Whether each statement is its own transaction now."""
    options = connection.get_execution_options()
    return options.get("isolation_level") == "AUTOCOMMIT"
