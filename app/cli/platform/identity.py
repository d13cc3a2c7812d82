"""``pm33 platform whoami|access|variables``: what the token is, and what it sees."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from app.cli.delivery import Delivery
from app.cli.options import environment_option, json_option
from app.cli.platform.asking import with_connection, with_railway

if TYPE_CHECKING:
    from app.backend.deploy.platforms.railway.access import Access, Identity
    from app.backend.deploy.platforms.railway.connection import Connection
    from app.backend.deploy.platforms.railway.standing import VariableName

__all__ = ["access", "variables", "whoami"]


@click.command()
@environment_option
@json_option
def whoami(environment: str | None, *, as_json: bool) -> None:
    """Shows whom Railway takes us for; never the token. No environment is needed."""
    delivery = Delivery.into(environment) if environment else Delivery.anywhere()
    asking = with_railway if environment else with_connection

    async def ask(connection: "Connection") -> "Identity":
        from app.backend.deploy.platforms.railway.access import who  # noqa: PLC0415

        return await who(connection.api)

    found = asking(delivery, ask)
    delivery.show(found.to_dict(), "\n".join(_identity(found)), as_json=as_json)


@click.command()
@environment_option
@json_option
def access(environment: str | None, *, as_json: bool) -> None:
    """Shows what the token reaches, and warns when that is more than it needs."""
    delivery = Delivery.into(environment, guess=True)

    async def ask(connection: "Connection") -> "Access":
        from app.backend.deploy.platforms.railway.access import (  # noqa: PLC0415
            access as reach,
        )

        target = await connection.target()
        return await reach(connection.api, target, delivery.environment)

    found = with_railway(delivery, ask)
    delivery.show(found.to_dict(), "\n".join(_access(found)), as_json=as_json)


@click.command()
@environment_option
@json_option
def variables(environment: str | None, *, as_json: bool) -> None:
    """Shows the names of the service's variables; values are not even asked for."""
    delivery = Delivery.into(environment, guess=True)

    async def ask(connection: "Connection") -> "tuple[VariableName, ...]":
        from app.backend.deploy.platforms.railway.standing import (  # noqa: PLC0415
            variable_names,
        )

        return await variable_names(connection.api, await connection.target())

    found = with_railway(delivery, ask)
    body = [
        {"name": one.name, "sealed": one.sealed, "shared": one.shared} for one in found
    ]
    text = "\n".join(_variable(one) for one in found) or "none are set"
    delivery.show(body, text, as_json=as_json)


def _identity(found: "Identity") -> Iterator[str]:
    yield f"Token        {found.kind}, from {found.source}"
    name = f"{found.name} <{found.email}>" if found.email else found.name
    yield f"Name         {name or 'none'}"
    yield f"Good for     {found.scope}"


def _access(found: "Access") -> Iterator[str]:
    yield from _identity(found.identity)
    for one in found.environments:
        mark = "yes" if one.can_access else "no"
        yield f"  {one.environment:<24}  {mark}"
    for warning in found.warnings:
        yield f"warning: {warning}"


def _variable(one: "VariableName") -> str:
    marks = [
        word for word, told in (("sealed", one.sealed), ("shared", one.shared)) if told
    ]
    return f"{one.name}  ({', '.join(marks)})" if marks else one.name
