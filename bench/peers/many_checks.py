"""As many checks as one likes: ``bench.peers.many_checks:check_17`` is one."""

from collections.abc import Awaitable, Callable

__all__ = ["names"]


def names(count: int) -> str:
    """The value of ``HEALTH_EXTRA_CHECKS`` for so many."""
    return ",".join(f"{__name__}:check_{number}" for number in range(count))


def __getattr__(name: str) -> Callable[[], Awaitable[None]]:
    if not name.startswith("check_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    async def check() -> None:
        """Always healthy."""

    check.__name__ = name
    return check
