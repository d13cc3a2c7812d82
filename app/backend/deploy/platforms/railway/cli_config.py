"""What Railway's own CLI has stored on this machine: a login and linked projects.

It is read and never written. The refresh token in it is not even looked at: using it
twice revokes the whole grant (FACTS §1).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from app.backend.config.plain_file import read_start

__all__ = ["CliConfig", "Link", "read_cli_config"]

_FILE: Final = ".railway/config.json"
_MOST: Final = 4 * 2**20
# Later than any time in seconds, earlier than any in milliseconds.
_MILLISECONDS: Final = 100_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What ``railway link`` was told in a folder; ids, and the names it wrote down."""

    project: str
    project_name: str | None = None
    environment: str | None = None
    environment_name: str | None = None
    service: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CliConfig:
    """The login and the links; empty where the CLI was never used.

    Attributes:
        token: for ``Authorization``.
        expires_at: of the token; None: it does not say.
        links: by folder.
    """

    token: SecretStr | None = None
    expires_at: datetime | None = None
    links: Mapping[str, Link] = field(default_factory=dict)

    def link(self, folder: Path) -> Link | None:
        """That of the folder, or of the nearest one above it, as the CLI has it."""
        whole = folder.absolute()
        for one in (whole, *whole.parents):
            if str(one) in self.links:
                return self.links[str(one)]
        return None


def read_cli_config(home: Path | None = None) -> CliConfig:
    """What ``~/.railway/config.json`` holds; what cannot be read counts as absent.

    Its form is that of ``railwayapp/cli``, ``src/config.rs``: ``user.accessToken`` with
    ``user.tokenExpiresAt`` since 4.x (railway-skills #33, #81), ``user.token`` before.

    Args:
        home: the folder that holds ``.railway``; by default the user's own.
    """
    try:
        content = read_start(str((home or Path.home()) / _FILE), _MOST)
        body = json.loads(content or b"")
    except (OSError, ValueError, RuntimeError, RecursionError):
        # A home folder need not exist (RuntimeError); a broken file the CLI mends.
        return CliConfig()
    user, projects = _mapping(body, "user"), _mapping(body, "projects")
    token, expires_at = _text(user, "accessToken"), _time(user.get("tokenExpiresAt"))
    if token is None:
        token, expires_at = _text(user, "token"), None
    links = {folder: _link(projects[folder]) for folder in projects}
    return CliConfig(
        token=SecretStr(token) if token else None,
        expires_at=expires_at,
        links={folder: link for folder, link in links.items() if link is not None},
    )


def _link(body: Any) -> Link | None:
    project = _text(body, "project")
    if project is None:
        return None
    return Link(
        project=project,
        project_name=_text(body, "name"),
        environment=_text(body, "environment"),
        environment_name=_text(body, "environmentName"),
        service=_text(body, "service"),
    )


def _mapping(body: Any, name: str) -> Mapping[str, Any]:
    value = body.get(name) if isinstance(body, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _text(body: Any, name: str) -> str | None:
    value = body.get(name) if isinstance(body, Mapping) else None
    return value.strip() or None if isinstance(value, str) else None


def _time(value: Any) -> datetime | None:
    """Seconds or milliseconds since 1970, or RFC 3339; None: it is neither."""
    try:
        if isinstance(value, str):
            time = datetime.fromisoformat(value)
            return time if time.tzinfo else time.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value / 1000 if value > _MILLISECONDS else value
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    return None
