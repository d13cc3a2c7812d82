"""Relay's connections: pages with cursors."""

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any, Final

from tests.support.railway.authority import internal

__all__ = ["connection", "field"]

_PAGE: Final = 20
_MOST: Final = 1_000


def connection(
    nodes: Iterable[dict[str, Any]],
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    page: int = _PAGE,
) -> dict[str, Any]:
    """One page of nodes.

    Raises:
        RefusedError: a cursor is none of ours.
    """
    everything = list(nodes)
    identities = [node["id"] for node in everything]
    begin = _place(identities, after) + 1 if after else 0
    end = _place(identities, before) if before else len(everything)
    chosen = everything[begin:end]
    if last is not None:
        chosen = chosen[-last:] if last else []
        begin = end - len(chosen)
    else:
        chosen = chosen[: min(page if first is None else first, _MOST)]
    cursors = [_cursor(node["id"]) for node in chosen]
    return {
        "edges": [
            {"node": node, "cursor": cursor}
            for node, cursor in zip(chosen, cursors, strict=True)
        ],
        "pageInfo": {
            "hasNextPage": begin + len(chosen) < len(everything),
            "hasPreviousPage": begin > 0,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
    }


def field(
    nodes: Callable[[], Iterable[dict[str, Any]]], *, page: int = _PAGE
) -> Callable[..., dict[str, Any]]:
    """A field of an object that is a connection: called with the page's arguments."""

    def resolve(_info: Any, **arguments: Any) -> dict[str, Any]:
        known = {k: v for k, v in arguments.items() if k in _ARGUMENTS}
        return connection(nodes(), page=page, **known)

    return resolve


_ARGUMENTS: Final = frozenset({"first", "after", "last", "before"})


def _cursor(identity: str) -> str:
    return base64.b64encode(identity.encode()).decode()


def _place(identities: list[str], cursor: str) -> int:
    try:
        return identities.index(base64.b64decode(cursor, validate=True).decode())
    except (ValueError, binascii.Error):
        raise internal() from None
