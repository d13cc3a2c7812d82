"""``pm33 env rotate``: a variable gets a new value, proven, deployed, and verified."""

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from app.cli.delivery import Delivery
from app.cli.failure import InterruptedCommandError
from app.cli.options import (
    Seconds,
    actor,
    environment_option,
    gate_hold_option,
    json_option,
    monitor_interval_option,
)

if TYPE_CHECKING:
    from app.backend.deploy.rotating.plan import RotationPlan, RotationRequest

__all__ = ["rotate"]

_REFUSED: Final = 5
_LONGEST: Final = 65_536
"""Bytes of a value, at most."""


@click.command()
@click.argument("name")
@environment_option
@click.option(
    "--no-proof", "unproven", metavar="REASON", help="Do not ask the service, and why."
)
@click.option("--bake", type=Seconds(), help="How long to watch. [PM33_BAKE]")
@gate_hold_option
@monitor_interval_option
@click.option("--unlocked", is_flag=True, help="Go on without the state database.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask whether it is meant.")
@click.option("--dry-run", is_flag=True, help="Show the plan, and change nothing.")
@json_option
def rotate(
    name: str,
    *,
    environment: str | None,
    unproven: str | None,
    yes: bool,
    dry_run: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Gives a variable a new value, which comes in on stdin.

    The value is judged by the rules, and proven by asking the service that it is for.
    Then it is set, and what serves is deployed once more, watched and verified; if
    that fails, deployment and variable are as before. At the end it says when the old
    value can be revoked. The same value again goes on with an attempt that was killed.

    A terminal is asked for the value, twice, and whether it is meant. Exits as deploy
    does; with 5 if the value is refused.
    """
    from app.backend.deploy.rotating import plan as planning  # noqa: PLC0415 - 1 s
    from app.backend.deploy.rotating import rotate as doing  # noqa: PLC0415 - as above
    from app.cli.env.sources import secrets_of  # noqa: PLC0415 - as above

    delivery = Delivery.into(environment)
    delivery.refuse_unusable()
    if unproven is not None and not unproven.strip():
        raise click.UsageError("--no-proof wants a reason; the journal keeps it")
    value = _new_value(name)
    delivery = delivery.knowing([value])
    request = planning.RotationRequest(
        name=name,
        value=value,
        environment=delivery.environment,
        actor=actor(),
        **flags,
    )
    _go_on(delivery, request, dry_run=dry_run, as_json=as_json)
    plan = delivery.with_tools(
        lambda tools: planning.look(request, tools), changes=False
    )
    old = plan.rotation.old or ""
    delivery = delivery.knowing([value, old, *secrets_of(plan.variables)])
    if plan.is_possible:
        plan = plan.proven(_proof(plan, unproven))
    if dry_run:
        delivery.show(plan.to_dict(), plan.text(), as_json=as_json)
        sys.exit(0 if plan.is_possible else _REFUSED)
    plan.refuse()
    _confirm(delivery, plan, yes=yes)
    report = delivery.with_tools(lambda tools: doing.rotate(plan, tools))
    delivery.finish(report, as_json=as_json)


def _go_on(
    delivery: Delivery, request: "RotationRequest", *, dry_run: bool, as_json: bool
) -> None:
    """Brings an earlier attempt to its end; returns where there is none.

    It was judged, proven and agreed to when it was begun.
    """
    from app.backend.deploy.rotating import resume  # noqa: PLC0415 - 1 s

    left = delivery.with_tools(
        lambda tools: resume.find_left(request, tools), changes=False
    )
    if left is None:
        return
    if dry_run:
        told = f"the rotation {left.run} of {request.name} would be gone on with"
        body = {"resumes": left.run, "variable": request.name}
        delivery.show(body, told, as_json=as_json)
        sys.exit(0)
    report = delivery.with_tools(
        lambda tools: resume.go_on(left, tools, actor=request.actor)
    )
    delivery.finish(report, as_json=as_json)


def _new_value(name: str) -> str:
    """What stdin brings, without the newline at its end.

    Raises:
        UsageError: that is nothing, or no text.
    """
    from app.backend.config.environment import known_variables  # noqa: PLC0415 - 0.3 s

    if sys.stdin.isatty():
        # What is no name may be the value, in the wrong place.
        shown = name if name in known_variables() else "that variable"
        prompt = f"new value of {shown}"
        value: str = click.prompt(
            prompt, hide_input=True, confirmation_prompt="the same again", err=True
        )
        return value
    raw = sys.stdin.buffer.read(_LONGEST + 1)
    if len(raw) > _LONGEST:
        raise click.UsageError(f"the value on stdin is longer than {_LONGEST} bytes")
    try:
        value = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise click.UsageError("the value on stdin is no text (UTF-8)") from error
    if not value.strip():
        raise click.UsageError("no value comes in on stdin; pipe the new one in")
    if "\0" in value:
        raise click.UsageError("the value on stdin holds a NUL, as no variable can")
    return value


def _proof(plan: "RotationPlan", unproven: str | None) -> str:
    """Asks whom the value is for; how that went, in words.

    Raises:
        PreflightError: it was refused, or nobody could be asked.
    """
    from app.cli.env.proof import prove  # noqa: PLC0415 - httpx
    from app.errors import PreflightError  # noqa: PLC0415 - raised seldom

    name = plan.rotation.name
    if unproven is not None:
        return f"not proven: {unproven.strip()}"
    proof = prove(name, plan.variables, plan.config)
    if proof is None:
        return "there is no service to ask; only the deployment can tell"
    if proof.errors:
        texts = "; ".join(one.message for one in proof.errors)
        raise PreflightError(
            f"the new value of {name} is not proven: {texts}",
            remedy=f"{proof.errors[0].remedy.rstrip('.')}; --no-proof REASON goes on"
            " without",
        )
    return proof.words


def _confirm(delivery: Delivery, plan: "RotationPlan", *, yes: bool) -> None:
    """Asks a terminal; a pipe has said all that it could.

    Raises:
        InterruptedCommandError: it is not meant.
    """
    if yes or not sys.stdin.isatty():
        delivery.say(plan.head())
        return
    delivery.say(plan.text())
    if not click.confirm("rotate it?", err=True):
        raise InterruptedCommandError("nothing was changed")
