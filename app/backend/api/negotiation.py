"""Which format a request asks for: ``?format=``, else what ``Accept`` prefers.

A header never makes health unacceptable, and changes nothing for whoever takes JSON as
gladly as anything else: only one that prefers another known type is followed
(RFC 9110 §12.5.1; docs/decisions/0003).
"""

from collections.abc import Iterator
from functools import lru_cache
from re import compile as pattern
from typing import Final

from app.backend.health.writers.formats import FORMATS, NATIVE, Format

__all__ = ["LONGEST", "PLAIN", "named", "preferred"]

PLAIN: Final = frozenset(
    {b"*/*", b"application/json", b"application/json, text/plain, */*"}
)
"""What most clients send, and what needs no second look: native it is."""

LONGEST: Final = 1024
"""Characters of a header beyond which it is not read: browsers send 140."""

_WEIGHT = pattern(r"[01]?\.?[0-9]{0,9}")
_NAMES: Final = {name: one for one in FORMATS for name in one.names}


def named(name: str) -> Format | None:
    """The format that ``?format=`` means; None: there is no such format."""
    return _NAMES.get(name)


def preferred(accept: str) -> Format:
    """The format that an ``Accept`` header prefers to native; else native.

    Parameters other than ``q`` are passed over, and so is a range that cannot be read
    or a header that is longer than any that means something.
    """
    # Before the cache, which would keep whatever somebody sends.
    return NATIVE if len(accept) > LONGEST else _read(accept)


@lru_cache(maxsize=256)
def _read(accept: str) -> Format:
    weights: dict[str, float] = {}
    for media_range, weight in _ranges(accept):
        weights[media_range] = max(weight, weights.get(media_range, 0.0))
    # Of equals the first: native before all others.
    return max(FORMATS, key=lambda one: _quality(one.media_type, weights))


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.lower().split(","):
        media_range, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                weight = _weight(value.strip())
        yield media_range, weight


def _weight(text: str) -> float:
    """Between 0 and 1; what is none counts as not acceptable."""
    digits = text.strip(".")
    return min(float(text), 1.0) if digits and _WEIGHT.fullmatch(text) else 0.0


def _quality(media_type: str, weights: dict[str, float]) -> float:
    """The most specific range decides."""
    family = media_type.partition("/")[0]
    for media_range in (media_type, f"{family}/*", "*/*"):
        if media_range in weights:
            return weights[media_range]
    return 0.0
