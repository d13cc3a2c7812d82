"""What rotating a variable comes to: what is set, what is kept, what undoes it. Pure.

Two kinds: a key of somebody else's service is replaced, and its old value has to be
revoked there. A key of our own has signed things that are still about, so its old value
is kept as ``NAME_PREVIOUS`` and goes on being accepted for a while.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from app.backend.deploy.platforms.secrecy import ROTATED
from app.backend.deploy.rotating.refusing import refuse_what_cannot_be
from app.backend.deploy.rotating.values import KEPT, Values, is_same

__all__ = ["Rotation", "decide", "recall"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """What is to be done; its ``repr`` shows names only.

    Attributes:
        name: of the variable.
        changes: what is set; None: it is set, and sealed.
        undo: what puts it back to what serves was made with; None removes.
        old: the value that is in use until then; None: sealed.
        keeps: the variable that holds the old value from then on; None: none does.
        is_set: all of it is set already; what serves was made before.
        was_platforms: until now it was what the platform itself adds; that is there
            again once the variable is removed.
        notes: what the reader should know before.
    """

    name: str
    changes: Mapping[str, str | None] = field(repr=False)
    undo: Mapping[str, str | None] = field(repr=False)
    old: str | None = field(repr=False)
    keeps: str | None = None
    is_set: bool = False
    was_platforms: bool = False
    notes: tuple[str, ...] = ()

    @property
    def value(self) -> str | None:
        """The new one; None: sealed."""
        return self.changes[self.name]

    @property
    def can_be_undone(self) -> bool:
        """Whether the old value is known."""
        return self.name in self.undo


def decide(
    name: str,
    value: str,
    *,
    today: Values,
    serving: Values,
    on: date,
    file: Path | None = None,
) -> Rotation:
    """Decides what rotating comes to.

    What was set after what serves was made has never been in use: it is replaced, and
    neither kept nor put back.

    Args:
        name: of the variable.
        value: the new one.
        today: what the next deployment would be given.
        serving: what the one that serves was given.
        on: the day by which a kept value's age is told.
        file: in which the platform keeps its variables; None: in none.

    Raises:
        TargetError: it is no variable that could be rotated.
        PreflightError: there is nothing to rotate.
    """
    refuse_what_cannot_be(name, value, today=today, serving=serving, file=file)
    is_pending = is_same(today.get(name), value)
    was_platforms = file is not None and serving[name] is None
    in_use = dict(serving) if file else _in_use(today, serving)
    if is_pending and serving[name] is None:
        in_use[name] = None
    old = in_use[name]
    changes = {name: value, ROTATED: _dated(today.get(ROTATED), name, on)}
    keeps = f"{name}_PREVIOUS" if name in KEPT and old else None
    if keeps is not None and old is not None:
        changes[keeps] = old
    return Rotation(
        name=name,
        changes=changes,
        undo=_undo(changes, in_use, file),
        old=old,
        keeps=keeps,
        is_set=all(is_same(today.get(one), text) for one, text in changes.items()),
        was_platforms=was_platforms,
        notes=(
            *_of_attempt(name, today.get(name), old, is_pending=is_pending),
            *(
                _of_platforms(name)
                if was_platforms
                else _of_sealed(name, is_sealed=old is None)
            ),
            *_of_dropped(keeps, today.get(keeps) if keeps else None, old),
        ),
    )


def recall(
    name: str,
    names: Sequence[str],
    *,
    today: Values,
    serving: Values,
    given: Values,
    file: Path | None = None,
) -> Rotation:
    """The rotation that an earlier process has begun; it has kept the names alone.

    Args:
        name: of the variable.
        names: what it has set, or was about to set.
        today: what the next deployment would be given.
        serving: what the one that served before was given.
        given: what its own deployment was given; today's where it has made none.
        file: as in :func:`decide`.
    """
    changes = {one: given.get(one) for one in names}
    old, kept = serving.get(name), f"{name}_PREVIOUS"
    return Rotation(
        name=name,
        changes=changes,
        undo=_undo(changes, serving, file),
        old=old,
        keeps=kept if kept in changes else None,
        is_set=name in today
        and not is_same(today[name], old)
        # What a file does not set is not set.
        and not (file and today[name] is None),
        was_platforms=file is not None and name in serving and old is None,
    )


def _in_use(today: Values, serving: Values) -> dict[str, str | None]:
    """What serves was made with; where nobody may read that, what is set today."""
    return {
        one: today.get(one) if text is None else text for one, text in serving.items()
    }


def _undo(
    changes: Iterable[str], before: Values, file: Path | None
) -> dict[str, str | None]:
    """Sealed values are left out; in a file there are none."""
    return {
        one: before.get(one)
        for one in changes
        if file or one not in before or before[one] is not None
    }


def _dated(text: str | None, name: str, on: date) -> str:
    """When each variable was rotated, with this day for this name."""
    parts = [part.strip() for part in (text or "").split(",") if part.strip()]
    others = [part for part in parts if part.partition("=")[0].strip() != name]
    return ",".join([*others, f"{name}={on.isoformat()}"])


def _of_attempt(
    name: str, today: str | None, old: str | None, *, is_pending: bool
) -> Iterable[str]:
    if is_pending:
        yield f"{name} is set to this value already; what serves was made before that"
    elif old is not None and not is_same(today, old):
        yield (
            f"another {name} was set after what serves was made: it is replaced, and"
            " not what is put back"
        )


def _of_platforms(name: str) -> Iterable[str]:
    yield (f"{name} is the platform's own until now, and again if the deployment fails")


def _of_sealed(name: str, *, is_sealed: bool) -> Iterable[str]:
    if is_sealed:
        yield f"{name} is sealed: nobody can put it back if the deployment fails"
        if name in KEPT:
            yield f"{name}_PREVIOUS cannot be set: what the old key has signed ends"


def _of_dropped(keeps: str | None, held: str | None, old: str | None) -> Iterable[str]:
    if keeps and held and not is_same(held, old):
        yield f"what {keeps} holds until now is dropped: what it has signed ends"
