"""Answers as a vendor's ``judge`` gets them, written in one line."""

from typing import Any

from app.backend.config.environment import Config, read_config
from app.backend.health.checks.vendor import Answer, Fault
from app.backend.health.models import Failure

__all__ = ["SILENCE", "answered", "config_of", "spoken", "unreadable"]

SILENCE = Answer(
    fault=Fault(
        failure=Failure.DNS, message="no such name", remedy="Look.", transient=True
    )
)
"""Nobody answered."""


def answered(status: int, body: Any = None, **headers: str) -> Answer:
    """JSON; in header names an underscore stands for the hyphen."""
    lines = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, body={} if body is None else body, headers=lines)


def unreadable(status: int = 200, text: str = "") -> Answer:
    """Something that is no JSON."""
    fault = Fault(
        failure=Failure.INTERNAL, message="no JSON", remedy="Look.", answered=True
    )
    return Answer(status=status, text=text, fault=fault)


def spoken(status: int, word: str) -> Answer:
    """One word of plain text."""
    return unreadable(status, word)


def config_of(**variables: str) -> Config:
    """The configuration of these variables, in staging if none of them says where."""
    return read_config({"ENVIRONMENT": "staging", **variables})
