"""A page for people: small, without a script, readable on a telephone at night."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from html import escape
from string import Template
from urllib.parse import quote

from app.backend.health.lifecycle import Stage
from app.backend.health.overrides import OverrideKind
from app.backend.health.policies import POLICIES, Verdict
from app.backend.health.snapshot import CheckView, Snapshot
from app.backend.health.writers import native
from app.backend.health.writers.looks import COLOURS, MARKS
from app.backend.health.writers.wish import Wish

__all__ = ["MEDIA_TYPE", "SECURITY_POLICY", "encode"]

MEDIA_TYPE = "text/html"

_STYLE = (
    ":root{color-scheme:light dark;font:1.1rem/1.45 system-ui,sans-serif}"
    "body{max-width:40rem;margin:0 auto;padding:0 1rem 2rem;overflow-wrap:anywhere}"
    "h1,h2{margin:0;font-size:1.6rem}h2{font-size:1.1rem}p{margin:.15rem 0}"
    "h1{margin:1rem 0 .5rem;padding:.6rem .8rem;border-radius:.4rem;color:#fff}"
    "section{margin:.8rem 0;padding:.1rem .8rem;border-left:.4rem solid}"
    "b,pre{font-weight:600}pre{white-space:pre-wrap;font-weight:400;font-size:.85rem}"
    "nav{display:flex;flex-wrap:wrap;gap:0 1rem}nav a{padding:.6rem 0}"
    "footer,.is{font-size:.9rem;opacity:.8}"
    + "".join(
        f"h1.{status}{{background:{colour}}}section.{status}{{border-color:{colour}}}"
        for status, colour in COLOURS.items()
    )
)
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a browser may do with the page: show it, with its own style, and no more."""

_PAGE = Template(
    """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta http-equiv="refresh" content="15">
<title>$mark $status: $subject, $environment</title>
<link rel="icon" href="data:image/svg+xml,$icon">
<style>$style</style>
</head>
<body>
<h1 class="$status">$mark $status</h1>
<p><b>$subject</b> of $environment answers $code</p>
$body
<nav>
$links
</nav>
<footer>
<p>release $commit, version $version</p>
<p>deployment $deployment, replica $replica</p>
<p>read at <time>$now</time>; read again every 15 s</p>
</footer>
</body>
</html>
"""
)
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg">'
    '<circle cx="8" cy="8" r="8" fill="{}"/></svg>'
)
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def encode(verdict: Verdict, snapshot: Snapshot, wish: Wish) -> bytes:
    """The page as UTF-8; the worst check comes first."""
    identity, now = snapshot.identity, wish.now or snapshot.taken.wall
    views = sorted(verdict.checks, key=lambda view: -view.status.severity)
    parts = [*_remarks(verdict, snapshot, wish)]
    for view in views:
        parts += _check(view, now, details=wish.details)
    page = _PAGE.substitute(
        mark=MARKS[verdict.status],
        status=verdict.status,
        code=int(verdict.code),
        subject=escape(wish.subject),
        environment=escape(identity.environment),
        icon=quote(_ICON.format(COLOURS[verdict.status])),
        style=_STYLE,
        body="\n".join(parts),
        links="\n".join(_links(wish)),
        commit=escape(identity.commit),
        version=escape(identity.version),
        deployment=escape(identity.deployment_id),
        replica=escape(identity.replica_id),
        now=now.isoformat(timespec="seconds"),
    )
    return page.encode(errors="replace")


def _remarks(verdict: Verdict, snapshot: Snapshot, wish: Wish) -> Iterator[str]:
    """What holds for the replica as a whole."""
    if snapshot.stage is not Stage.SERVING:
        yield f"<p>the replica is {snapshot.stage}</p>"
    maintenance = snapshot.override(OverrideKind.MAINTENANCE)
    if maintenance is not None:
        yield f"<p>maintenance until {native.moment(maintenance.until)}</p>"
    if not wish.details:
        return
    if verdict.why:
        yield f"<p>decided by {escape(', '.join(verdict.why))}</p>"
    for fault in snapshot.gate.faults:
        yield f"<p>startup gate, {escape(fault.source)}: {escape(fault.message)}</p>"
        if fault.remedy:
            yield f"<p>→ {escape(fault.remedy)}</p>"
    for one in snapshot.overrides:
        ends = native.moment(one.until)
        yield f"<p>override {one.kind} until {ends}: {escape(one.reason)}</p>"


def _check(view: CheckView, now: datetime, *, details: bool) -> Iterator[str]:
    words = [f"<b>{view.failure}</b>"] if view.failure else []
    if view.since is not None:
        words.append(f"for {_span(now - view.since)}")
    if view.checked_at is not None:
        words.append(f"checked {_span(now - view.checked_at)} ago")
    if view.latency_ms is not None:
        slow = view.latency_ms >= 1
        words.append(f"{view.latency_ms:.0f} ms" if slow else "under 1 ms")
    blame = view.data.get("blame") if details else None
    words += [
        word
        for word, holds in (
            ("critical", view.critical),
            ("shared", view.shared),
            ("muted", details and view.muted),
            ("flapping", details and view.flapping),
            (f"blame: {escape(str(blame))}", blame),
        )
        if holds
    ]
    yield f'<section class="{view.status}">'
    yield f"<h2>{MARKS[view.status]} {escape(view.name)}: {view.status}</h2>"
    if words:
        yield f'<p class="is">{", ".join(words)}</p>'
    if details and view.message:
        yield f"<p>{escape(view.message)}</p>"
    if details and view.remedy:
        yield f"<p>→ {escape(view.remedy)}</p>"
    incident = view.data.get("incident") if details else None
    if isinstance(incident, Mapping):
        told = f"{incident.get('title')} ({incident.get('impact')})"
        yield f"<p>! their status page: {escape(told)}</p>"
    if details and view.data:
        data = native.dumps(view.data).decode()
        yield f"<details><summary>data</summary><pre>{escape(data)}</pre></details>"
    yield "</section>"


def _links(wish: Wish) -> Iterator[str]:
    for path in POLICIES:
        name = path.rpartition("/")[2]
        yield f'<a href="{escape(wish.root + path)}">{name}</a>'
    yield '<a href="?format=json">as JSON</a>'


def _span(time: timedelta) -> str:
    """The largest unit that fits: what changed in the night is not told in seconds."""
    seconds = max(0, int(time.total_seconds()))
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
