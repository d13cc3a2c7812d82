"""The formats that every health endpoint can be had in, by name and media type."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from app.backend.health.policies import Verdict
from app.backend.health.snapshot import Snapshot
from app.backend.health.writers import badge, health_json, html, kubernetes, native
from app.backend.health.writers.wish import Wish

__all__ = ["FORMATS", "NATIVE", "Format", "Writer"]

Writer = Callable[[Verdict, Snapshot, Wish], bytes]
"""Pure: the same verdict, snapshot and wish give the same bytes."""

_NO_SNIFFING = (b"x-content-type-options", b"nosniff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One wire format.

    Attributes:
        names: what ``?format=`` calls it, the usual name first.
        media_type: what ``Accept`` calls it.
        write: makes the body.
        parameters: of the content type, with the semicolon.
        headers: sent with the body, in addition to what all formats send.
    """

    names: tuple[str, ...]
    media_type: str
    write: Writer
    parameters: str = ""
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def content_type(self) -> bytes:
        """The header's value."""
        return f"{self.media_type}{self.parameters}".encode()


def _native(verdict: Verdict, snapshot: Snapshot, wish: Wish) -> bytes:
    return native.encode(verdict, snapshot, details=wish.details, why=wish.why)


NATIVE: Final = Format(names=("json",), media_type=native.MEDIA_TYPE, write=_native)
"""What a probe gets, and whoever does not ask for another one."""

FORMATS: Final = (
    NATIVE,
    Format(
        # A plus sign in a query string is a space.
        names=("health", "health+json", "health json"),
        media_type=health_json.MEDIA_TYPE,
        write=health_json.encode,
    ),
    Format(
        names=("html",),
        media_type=html.MEDIA_TYPE,
        parameters="; charset=utf-8",
        write=html.encode,
        headers=(
            _NO_SNIFFING,
            (b"content-security-policy", html.SECURITY_POLICY.encode()),
            (b"referrer-policy", b"no-referrer"),
        ),
    ),
    Format(
        names=("text", "kubernetes"),
        media_type=kubernetes.MEDIA_TYPE,
        parameters="; charset=utf-8",
        write=kubernetes.encode,
        headers=(_NO_SNIFFING,),
    ),
    Format(
        names=("badge", "svg"),
        media_type=badge.MEDIA_TYPE,
        write=badge.encode,
        headers=(
            _NO_SNIFFING,
            (b"content-security-policy", b"default-src 'none'"),
        ),
    ),
)
"""In the order in which ties between them are decided."""
