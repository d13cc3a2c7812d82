"""Sentry: whether its ingestion can be reached, and by its API whether the DSN is live.

The ingestion proves no DSN without an event. It takes nothing but POST, refuses an
empty body and an envelope without items before it looks at the key
(getsentry/relay, ``endpoints/envelope.rs`` and pull request 937), and answers 200 to a
key that it does not know yet. So that read says "reachable" and no more.

The API shows the DSN's own key, and whether it is active, to a token with
``project:read`` (https://docs.sentry.io/api/projects/retrieve-a-client-key/). That is
the failure to find: a deactivated key loses every event in silence.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from app.backend.config.environment import Config
from app.backend.config.urls import split_url
from app.backend.health.checks.vendor import Answer, Read, base_url, secret
from app.backend.health.checks.vendor_answers import (
    OUTAGES,
    STRANGER,
    Row,
    judge_answer,
    strange,
)
from app.backend.health.models import CheckResult, Failure

__all__ = ["INGEST_ANSWERS", "KEY_ANSWERS", "SentryIngest", "SentryKey"]

_WHO = "Sentry"
_DSN = "SENTRY_DSN"
_REACHABLE = "it can be reached, which is all that can be asked without an event"

INGEST_ANSWERS = (
    Row(
        404,
        "",
        Failure.CONFIG,
        "there is no ingestion at this address",
        "Copy SENTRY_DSN from the project's settings, Client Keys.",
    ),
    STRANGER,
    *OUTAGES,
    Row(range(400, 500), "", None, _REACHABLE),
)
"""Usual is 405, by which the route is known."""

KEY_ANSWERS = (
    Row(
        401,
        "",
        Failure.AUTH,
        "it refuses the token",
        "Create an internal integration's token with project:read for"
        " SENTRY_AUTH_TOKEN.",
    ),
    Row(
        402,
        "",
        Failure.QUOTA,
        "it reports a problem with billing",
        "See the subscription of the organisation at sentry.io.",
    ),
    STRANGER,
    Row(
        403,
        "",
        Failure.PERMISSION,
        "the token may not read the project's keys",
        "Give it project:read, or leave SENTRY_AUTH_TOKEN out: then only reaching"
        " the ingestion is checked.",
    ),
    Row(
        404,
        "",
        Failure.CONFIG,
        "that project of that organisation has no such key",
        "Let SENTRY_DSN, SENTRY_ORG and SENTRY_PROJECT tell of the same project.",
        _DSN,
    ),
    *OUTAGES,
)

# An organisation's token carries org:ci alone and can read no project.
_ORGANISATION_TOKEN: Final = "sntrys_"  # noqa: S105 - a prefix
_CLOUD = re.compile(r"(?:o\d+\.)?ingest\.(?:(?P<region>[a-z]+)\.)?sentry\.io")


@dataclass(frozen=True, slots=True)
class _Dsn:
    """The parts that are needed here, as Sentry's SDKs read them."""

    key: str = field(repr=False)
    origin: str
    host: str
    project: str


class SentryIngest:
    """``GET`` of the envelope's address, which takes POST only."""

    name = "sentry"
    variables = (_DSN,)
    proves = False

    def read(self, config: Config) -> Read | None:
        """Without the key, and without anything to store."""
        if secret(config.monitoring.sentry_dsn) is None:
            return None
        dsn = _parse(config)
        # An address that cannot be asked is judged as such.
        url = ""
        if dsn is not None:
            base = base_url(self.name, config, dsn.origin)
            url = f"{base}/api/{dsn.project}/envelope/"
        return Read(url=url, headers={})

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        """By :data:`INGEST_ANSWERS`."""
        del config
        return judge_answer(answer, INGEST_ANSWERS, who=_WHO)


class SentryKey:
    """``GET /api/0/projects/{org}/{project}/keys/{key of the DSN}/``."""

    name = "sentry"
    variables = ("SENTRY_AUTH_TOKEN", _DSN, "SENTRY_ORG", "SENTRY_PROJECT")
    proves = True

    def read(self, config: Config) -> Read | None:
        """Only with a token that can be allowed to, and all of the names."""
        group, dsn = config.monitoring, _parse(config)
        token = secret(group.sentry_auth_token)
        if token is None or token.startswith(_ORGANISATION_TOKEN) or dsn is None:
            return None
        if not (group.sentry_org and group.sentry_project):
            return None
        base = base_url(self.name, config, _api(dsn))
        parts = (group.sentry_org, group.sentry_project, "keys", dsn.key)
        path = "/".join(quote(part.strip(), safe="") for part in parts)
        return Read(
            url=f"{base}/api/0/projects/{path}/",
            headers={"authorization": f"Bearer {token}"},
        )

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        """By :data:`KEY_ANSWERS`, then by the key."""
        dsn = _parse(config)

        def of_key(body: Any) -> CheckResult | None:
            active = body.get("isActive") if isinstance(body, Mapping) else None
            if not isinstance(active, bool):
                return strange(_WHO)
            if not active:
                return CheckResult.degraded(
                    Failure.AUTH,
                    f"{_WHO}: the key of the DSN is deactivated, and events are lost",
                    remedy="Activate the key, or copy SENTRY_DSN of one that is.",
                    variable=_DSN,
                )
            if dsn and str(body.get("projectId", dsn.project)) != dsn.project:
                return CheckResult.degraded(
                    Failure.CONFIG,
                    f"{_WHO}: the DSN ends with another project's number",
                    remedy="Copy SENTRY_DSN from the project's settings again.",
                    variable=_DSN,
                )
            return None

        return judge_answer(answer, KEY_ANSWERS, who=_WHO, found=of_key)


def _parse(config: Config) -> _Dsn | None:
    """``https://KEY@HOST/PROJECT``; None for anything else."""
    parts = split_url(secret(config.monitoring.sentry_dsn))
    if parts is None:
        return None
    port = f":{parts.port}" if parts.port else ""
    path, _, project = parts.path.rstrip("/").rpartition("/")
    if parts.scheme not in {"http", "https"} or not project.isdecimal():
        return None
    if not parts.username or not parts.hostname:
        return None
    origin = f"{parts.scheme}://{parts.hostname}{port}{path}"
    return _Dsn(parts.username, origin, parts.hostname, project)


def _api(dsn: _Dsn) -> str:
    """In Sentry's own cloud it has another host, by region; elsewhere the same."""
    match = _CLOUD.fullmatch(dsn.host)
    if match is None:
        return dsn.origin
    region = match["region"]
    return f"https://{region}.sentry.io" if region else "https://sentry.io"
