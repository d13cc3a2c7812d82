"""What is no variable that could be rotated, and what to do instead. Pure."""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from app.backend.config.environment import known_variables
from app.backend.deploy.platforms.secrecy import ROTATED
from app.backend.deploy.rotating.values import KEPT, Values, is_same
from app.errors import PreflightError, TargetError

__all__ = ["refuse_what_cannot_be"]

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Kept by the platform and by this package.
_NOT_BY_HAND: Final = frozenset(
    {"ENVIRONMENT", ROTATED, *(f"{name}_PREVIOUS" for name in KEPT)}
)
# Of 1: what one or two letters of a name make.
_NEAR: Final = 0.8


def refuse_what_cannot_be(
    name: str, value: str, *, today: Values, serving: Values, file: Path | None
) -> None:
    """Returns where there is something to rotate.

    Args:
        name: of the variable.
        value: the new one.
        today: what the next deployment would be given.
        serving: what the one that serves was given.
        file: in which the platform keeps its variables; None: in none.

    Raises:
        TargetError: it is no variable that could be rotated.
        PreflightError: there is nothing to rotate.
    """
    _refuse_name(name)
    _refuse_files(name, today)
    if name not in serving:
        raise _absent(name, today, serving, file)
    if is_same(serving[name], value):
        raise PreflightError(
            "what serves was made with this value already",
            remedy="if it is the old one that came in, give the new one; if an earlier"
            " attempt has come this far, `pm33 deploy resume` ends it",
        )


def _refuse_name(name: str) -> None:
    """No word of it is repeated: it may be the value, in the wrong place."""
    if _NAME.fullmatch(name) is None:
        raise TargetError(
            "what was given is no name of a variable",
            remedy="give the name alone; the value comes in on stdin",
        )
    if name in _NOT_BY_HAND:
        raise TargetError(
            f"{name} is not rotated by itself",
            remedy=f"rotate {name.removesuffix('_PREVIOUS')}"
            if name.endswith("_PREVIOUS")
            else "it is set by what deploys",
        )


def _refuse_files(name: str, today: Values) -> None:
    """Nobody can tell which one is meant where there are both, as everywhere."""
    secret = known_variables()
    file, kept = f"{name}_FILE", f"{name}_PREVIOUS"
    if secret.get(name) and today.get(file, "") != "":
        if today.get(name):
            raise PreflightError(
                f"{name} and {file} are both set",
                remedy=f"take {name} or {file} away, and deploy",
            )
        raise PreflightError(
            f"{name} is read from the file that {file} names",
            remedy="replace what is in that file, and deploy",
        )
    if name in KEPT and today.get(f"{kept}_FILE", "") != "":
        raise PreflightError(
            f"{kept}_FILE is set, beside which {kept} cannot be",
            remedy=f"take {kept}_FILE away, and deploy",
        )


def _absent(
    name: str, today: Values, serving: Values, file: Path | None
) -> PreflightError:
    where = f"in {file}" if file else "on the platform"
    if name in today:
        return PreflightError(
            f"what serves was not given {name}, so there is nothing to rotate",
            remedy="`pm33 deploy` gives it what is set; another value is set"
            f" {where} before",
        )
    # It may be the value, in the wrong place.
    told = name if name in known_variables() else "the variable of that name"
    near = get_close_matches(name.upper(), serving, n=1, cutoff=_NEAR)
    meant = f"did you mean {near[0]}? " if near else ""
    return PreflightError(
        f"{told} is not set, so there is nothing to rotate",
        remedy=f"{meant}A new variable is set {where}, and deployed"
        if meant
        else f"see whether the name is right; a new variable is set {where}, and"
        " deployed",
    )
