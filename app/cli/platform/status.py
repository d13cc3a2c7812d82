"""``pm33 platform status``: of this machine, or of a service at Railway."""

import os
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli.delivery import Delivery
from app.cli.options import environment_option
from app.cli.platform.asking import is_railway, with_railway
from app.cli.platform.local import tell_status

if TYPE_CHECKING:
    from app.backend.deploy.platforms.railway.connection import Connection
    from app.backend.deploy.platforms.railway.quota import Quota
    from app.backend.deploy.platforms.railway.standing import Standing
    from app.backend.deploy.platforms.railway.target import Target

__all__ = ["status"]

_NAMING = ("ENVIRONMENT", "PM33_PLATFORM", "RAILWAY_TOKEN")
_NOTHING_SERVES = 3
_SHORT = 12


@click.command()
@environment_option
@click.option("--json", "as_json", is_flag=True, help="The whole status.")
def status(environment: str | None, *, as_json: bool) -> None:
    """Shows what runs; exits with 3 when nothing does.

    Of this machine's platform, unless an environment is meant that runs at Railway: by
    name, by RAILWAY_TOKEN or by `railway link`.
    """
    if environment is None and not _is_named():
        tell_status(as_json=as_json)
        return
    delivery = Delivery.into(environment, guess=True)
    if is_railway(delivery):
        _tell_railway(delivery, as_json=as_json)
    else:
        tell_status(as_json=as_json)


def _is_named() -> bool:
    from app.backend.deploy.platforms.railway.cli_config import (  # noqa: PLC0415
        read_cli_config,
    )

    named = any(os.environ.get(one) for one in _NAMING)
    return named or read_cli_config().link(Path.cwd()) is not None


def _tell_railway(delivery: Delivery, *, as_json: bool) -> None:
    async def ask(connection: "Connection") -> "tuple[Target, Standing, Quota]":
        from app.backend.deploy.platforms.railway.standing import (  # noqa: PLC0415
            standing,
        )

        target = await connection.target()
        found = await standing(connection.api, target, datetime.now(UTC))
        return target, found, connection.api.quota

    target, found, quota = with_railway(delivery, ask)
    names = {
        "project": target.project_name,
        "environment": target.environment_name,
        "service": target.service_name,
        "plan": target.plan,
    }
    resets = quota.resets_at
    requests = {
        "made": quota.made,
        "left": quota.left,
        "limit": quota.limit,
        "resets_at": resets.isoformat() if resets else None,
    }
    body = {"target": names, **found.to_dict(), "requests": requests}
    delivery.show(body, "\n".join(_lines(target, found)), as_json=as_json)
    if not found.active:
        sys.exit(_NOTHING_SERVES)


def _lines(target: "Target", found: "Standing") -> Iterator[str]:
    names = (target.project_name, target.environment_name, target.service_name)
    yield f"Service      {' / '.join(names)}"
    for domain in found.domains:
        yield f"Users        https://{domain}"
    if not found.active:
        yield "Serving      nothing; `pm33 deploy` changes that"
    for one in found.active:
        yield f"Serving      {one['id']}  {one['status']}  since {one['created_at']}"
    if found.instances:
        counts = (f"{count} {state}" for state, count in found.instances.items())
        yield f"Replicas     {', '.join(counts)}"
    if found.shield is not None:
        yield "Shield       on: probes are refused; `pm33 platform shield status`"
    for name, value in found.settings.items():
        words = " && ".join(map(str, value)) if isinstance(value, list) else value
        yield f"  {name:<24}  {words}"
    if found.latest:
        yield "Latest"
    for one in found.latest:
        yield f"  {_deployment(one)}".rstrip()


def _deployment(one: Mapping[str, Any]) -> str:
    back = "can be returned to" if one["can_roll_back"] else ""
    commit = f"{one['commit'][:_SHORT]:<{_SHORT}}"
    return f"{one['id']}  {commit}  {one['status']:<12}  {one['created_at']}  {back}"
