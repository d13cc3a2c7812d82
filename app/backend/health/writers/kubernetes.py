"""The text of kube-apiserver's ``/healthz``, ``/livez`` and ``/readyz``.

As written by ``k8s.io/apiserver/pkg/server/healthz``: ``ok`` while all is well, a line
for every check when asked for (``?verbose``) or when one fails, and no reason for those
who may not see it.
"""

import json
from collections.abc import Iterator

from app.backend.health.models import Status
from app.backend.health.policies import Verdict
from app.backend.health.snapshot import CheckView, Snapshot
from app.backend.health.writers.wish import Wish

__all__ = ["MEDIA_TYPE", "encode"]

MEDIA_TYPE = "text/plain"

_WITHHELD = "reason withheld"
_NAMES = {"live": "livez", "ready": "readyz", "startup": "startupz"}
_REPLICA = "replica"
"""Stands for what is no check, as their ``shutdown`` does: stage, override, gate."""


def encode(verdict: Verdict, snapshot: Snapshot, wish: Wish) -> bytes:
    """The body as UTF-8 text.

    Theirs knows no check that fails without turning the answer. Such a one is marked as
    they mark an excluded check: ``[+]cache unhealthy: ok``.
    """
    if verdict.ok and not wish.verbose:
        return b"ok"
    name = _NAMES.get(wish.subject, "healthz")
    ending = "passed" if verdict.ok else "failed"
    lines = [*_lines(verdict, snapshot, wish), f"{name} check {ending}", ""]
    return "\n".join(lines).encode(errors="replace")


def _lines(verdict: Verdict, snapshot: Snapshot, wish: Wish) -> Iterator[str]:
    listed = {view.name: view for view in verdict.checks}
    for name in snapshot.checks:
        if name in verdict.excluded:
            yield f"[+]{name} excluded: ok"
        elif name in verdict.failed:
            reason = _reason(listed[name]) if wish.details else _WITHHELD
            yield f"[-]{name} failed: {reason}"
        elif name in listed:
            status = listed[name].status
            yield f"[+]{name}{'' if status is Status.HEALTHY else f' {status}:'} ok"
    if verdict.blocked:
        reason = ", ".join(verdict.blocked) if wish.details else _WITHHELD
        yield f"[-]{_REPLICA} failed: {_one_line(reason)}"
    unmatched = sorted({*wish.exclude} - {*verdict.excluded})
    if unmatched:
        names = ",".join(json.dumps(name, ensure_ascii=False) for name in unmatched)
        yield (
            "warn: some health checks cannot be excluded: "
            f"no matches for {_one_line(names)}"
        )


def _reason(view: CheckView) -> str:
    parts = (view.failure or view.status, view.message, view.remedy)
    return _one_line(": ".join(part for part in parts if part))


def _one_line(text: str) -> str:
    """A message of several lines must not look like other checks' lines."""
    return " ".join(text.split())
