"""``pm33 platform settings``: a commit's railway.toml, and what Railway makes of it."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from app.cli.delivery import Delivery
from app.cli.options import actor, environment_option, json_option

if TYPE_CHECKING:
    from app.backend.deploy.settling import Comparison
    from app.backend.deploy.tools import Tools

__all__ = ["settings"]

_SHORT = 12
_DIFFERS = 1


@click.group()
def settings() -> None:
    """How a commit wants to be run, and how Railway runs it."""


def _of_a_commit(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name one, as those of `pm33 deploy`."""
    branch = click.option("-b", "--branch", help="Git branch. [the current one]")
    commit = click.option("--commit", help="Commit, whole or abbreviated.")
    return branch(commit(command))


@settings.command()
@environment_option
@_of_a_commit
@json_option
def diff(
    environment: str | None, branch: str | None, commit: str | None, *, as_json: bool
) -> None:
    """Shows what is stored otherwise than the commit wants it.

    Exits with 0 if nothing is, with 1 otherwise.
    """
    delivery = Delivery.into(environment, guess=True)

    async def look(tools: "Tools") -> "Comparison":
        from app.backend.deploy.settling import compare_stored  # noqa: PLC0415 - 1 s

        return await compare_stored(await _commit(tools, branch, commit), tools)

    found = delivery.with_tools(look, changes=False)
    same = f"everything that {found.commit[:_SHORT]} wants is stored"
    _show(delivery, found, same, "is stored", as_json=as_json)


@settings.command()
@environment_option
@_of_a_commit
@click.option("--unlocked", is_flag=True, help="Go on without the state database.")
@json_option
def apply(
    environment: str | None,
    branch: str | None,
    commit: str | None,
    *,
    unlocked: bool,
    as_json: bool,
) -> None:
    """Stores what differs; it holds from the next deployment on, and starts none."""
    delivery = Delivery.into(environment, guess=True)
    delivery.refuse_unusable()

    async def put(tools: "Tools") -> tuple[str, tuple[str, ...]]:
        from app.backend.deploy.settling import store  # noqa: PLC0415 - 1 s

        chosen = await _commit(tools, branch, commit)
        done = await store(chosen, tools, actor=actor(), unlocked=unlocked)
        return chosen, done

    chosen, changed = delivery.with_tools(put)
    told = f"stored: {', '.join(changed)}" if changed else "nothing had to be stored"
    body = {"commit": chosen, "changed": list(changed)}
    delivery.show(body, told, as_json=as_json)


@settings.command()
@click.argument("deployment", required=False)
@environment_option
@json_option
def verify(deployment: str | None, environment: str | None, *, as_json: bool) -> None:
    """Shows what a deployment ran with otherwise than its commit wanted it.

    By default the one that serves. Exits with 0 if nothing was lost on the way, with 1
    otherwise, also if the deployment does not tell.
    """
    delivery = Delivery.into(environment, guess=True)

    async def look(tools: "Tools") -> "Comparison":
        from app.backend.deploy.settling import compare_run  # noqa: PLC0415 - 1 s

        return await compare_run(deployment, tools)

    found = delivery.with_tools(look, changes=False)
    same = f"{found.deployment} runs as {found.commit[:_SHORT]} wants it"
    _show(delivery, found, same, "was used", as_json=as_json)


async def _commit(tools: "Tools", branch: str | None, commit: str | None) -> str:
    from app.backend.deploy.planning.target import resolve_release  # noqa: PLC0415 - 1 s

    release = await resolve_release(tools.repository, branch=branch, commit=commit)
    return release.commit


def _show(
    delivery: Delivery, found: "Comparison", same: str, verb: str, *, as_json: bool
) -> None:
    if found.differing is None:
        text = f"{found.deployment} does not tell what it was run with"
    else:
        text = "\n".join(one.text(verb) for one in found.differing) or same
    delivery.show(found.to_dict(), text, as_json=as_json)
    sys.exit(0 if found.same else _DIFFERS)
