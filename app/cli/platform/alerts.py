"""``pm33 platform alerts``: Railway tells somebody of deployments that end badly."""

from typing import TYPE_CHECKING
from urllib.parse import quote

import click
from pydantic import SecretStr

from app.cli.delivery import Delivery
from app.cli.options import environment_option, json_option
from app.cli.platform.asking import with_railway

if TYPE_CHECKING:
    from app.backend.deploy.platforms.railway.alerts import Applied
    from app.backend.deploy.platforms.railway.connection import Connection

__all__ = ["alerts"]

_OWN = "/api/hooks/railway/"


@click.group()
def alerts() -> None:
    """Railway's notification rules."""


@alerts.command()
@click.option(
    "--to",
    metavar="URL",
    help="Where to; it is not shown. [this service's own webhook]",
)
@environment_option
@json_option
def apply(to: str | None, environment: str | None, *, as_json: bool) -> None:
    """Has failed, crashed and OOM-killed deployments told to an address, once."""
    delivery = Delivery.into(environment, guess=True)
    url = _address(delivery, to)
    # A webhook's address is as good as a password.
    delivery = delivery.knowing([url.get_secret_value()])

    async def change(connection: "Connection") -> "tuple[Applied, tuple[str, ...]]":
        from app.backend.deploy.platforms.railway import alerts  # noqa: PLC0415

        target = await connection.target()
        return await alerts.apply(connection.api, target, url), alerts.EVENTS

    done, events = with_railway(delivery, change)
    body = {"rule": str(done), "events": list(events), "own": to is None}
    where = "this service's webhook" if to is None else "the address given"
    text = f"the rule {done}: {', '.join(events)} are told to {where}"
    delivery.show(body, text, as_json=as_json)


def _address(delivery: Delivery, to: str | None) -> SecretStr:
    from app.backend.config.urls import split_url  # noqa: PLC0415 - 0.3 s
    from app.errors import PreflightError  # noqa: PLC0415 - seldom raised

    if to is not None:
        parts = split_url(to)
        if parts is None or parts.scheme != "https" or not parts.hostname:
            raise click.UsageError("--to takes an https address")
        return SecretStr(to)
    public = delivery.config.deployment.public_url
    secret = delivery.config.security.railway_hook_secret
    if not public or secret is None:
        given = {"PM33_PUBLIC_URL": public, "PM33_RAILWAY_HOOK_SECRET": secret}
        names = " and ".join(name for name, value in given.items() if not value)
        raise PreflightError(
            "this service has no webhook that could be told",
            remedy=f"set {names}, or name another address with --to",
        )
    name = quote(secret.get_secret_value().strip(), safe="")
    return SecretStr(f"{public.rstrip('/')}{_OWN}{name}")
