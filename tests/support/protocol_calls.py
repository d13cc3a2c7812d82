"""Methods of the platform protocol that share a duty, each as a call."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

from app.backend.deploy.platforms.base import Platform

__all__ = ["CHANGES", "OF_ONE"]

UNKNOWN: Final = "00000000-0000-4000-8000-000000000000"


async def _all(stream: AsyncIterator[Any]) -> None:
    async for _ in stream:
        """Only that it ends counts."""


OF_ONE: Final[Mapping[str, Callable[[Platform], Awaitable[Any]]]] = {
    "deployment": lambda one: one.deployment(UNKNOWN),
    "follow": lambda one: _all(one.follow(UNKNOWN)),
    "switch": lambda one: one.switch(UNKNOWN, epoch=1),
    "roll_back": lambda one: one.roll_back(UNKNOWN, tag="back", epoch=1),
    "cancel": lambda one: one.cancel(UNKNOWN, epoch=1),
    "logs": lambda one: _all(one.logs(UNKNOWN)),
    "followed logs": lambda one: _all(one.logs(UNKNOWN, follow=True)),
    "traffic": lambda one: one.traffic(UNKNOWN),
    "variables": lambda one: one.variables(UNKNOWN),
}
"""What is asked of one deployment, which is nobody's."""

CHANGES: Final[Mapping[str, Callable[[Platform, str, str], Awaitable[Any]]]] = {
    "deploy": lambda one, commit, _: one.deploy(commit, tag="late", epoch=6),
    "switch": lambda one, _, to: one.switch(to, epoch=6),
    "roll_back": lambda one, _, to: one.roll_back(to, tag="late", epoch=6),
    "cancel": lambda one, _, to: one.cancel(to, epoch=6),
    "set_variables": lambda one, *_: one.set_variables({"COLOUR": "red"}, epoch=6),
    "run": lambda one, commit, _: one.run(commit, ["true"], epoch=6, timeout=5),
}
"""All changes by a caller of epoch 6, to a commit and its deployment."""
