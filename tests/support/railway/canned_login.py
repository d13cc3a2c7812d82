"""A token's scope as Railway answers it, and a login as its CLI leaves it."""

import json
from pathlib import Path
from typing import Final

from tests.support.railway.canned import data, head

__all__ = ["PROJECT", "log_in", "project_token"]

PROJECT: Final = "11111111-1111-4111-8111-111111111111"


def project_token(environment_name: str = "production") -> bytes:
    """The scope of a token of this environment."""
    return data(
        *head(99, 100, 3600),
        projectToken={
            "projectId": PROJECT,
            "environmentId": f"{environment_name}-id",
            "name": "ci",
            "project": {"id": PROJECT, "name": "shop"},
            "environment": {"id": "-", "name": environment_name},
        },
    )


def log_in(home: Path, **link: str) -> None:
    """What the Railway CLI leaves behind."""
    body = {"user": {"accessToken": "login"}, "projects": {str(home): link}}
    (home / ".railway").mkdir()
    (home / ".railway" / "config.json").write_text(json.dumps(body), encoding="utf-8")
