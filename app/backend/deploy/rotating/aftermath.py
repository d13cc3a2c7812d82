"""What serves once a rotation's deployment has ended, and who has the old value."""

from contextlib import suppress
from datetime import timedelta
from typing import Final

from app.backend.config.environment import Environment
from app.backend.config.validation import validate
from app.backend.deploy.planning.environment import variables_of
from app.backend.deploy.rotating.advising import advise
from app.backend.deploy.rotating.order import RotationOrder
from app.backend.deploy.rotating.rotation import Rotation
from app.backend.deploy.rotating.values import Values, is_same
from app.backend.deploy.running.following import active_of, listed
from app.backend.deploy.running.run import Run
from app.errors import ConfigError, PlatformError

__all__ = ["advice", "given_to", "serves_with_new"]

# Each one is a question more to the platform.
_MOST_HOLDERS: Final = 10


async def given_to(run: Run, deployment: str | None) -> Values:
    """What a deployment was given; None: what the next one would be."""
    platform = run.tools.platform
    return await run.ask("variables", lambda: platform.variables(deployment))


async def serves_with_new(
    run: Run, order: RotationOrder, rotation: Rotation
) -> bool | None:
    """Whether what serves was made with the new value; None: it cannot be told."""
    try:
        now = active_of(await listed(run))
        given = await given_to(run, now.id) if now else {}
    except PlatformError as error:
        run.remark(
            "whether what serves was made with it cannot be told: the platform cannot"
            f" tell what serves: {error}"
        )
        return None
    name = rotation.name
    if now is None or name not in given:
        return False
    if given[name] is None or rotation.value is None:
        if rotation.was_platforms:
            return given[name] is not None
        # Sealed: but it was made after the value had been set, unless it came back.
        return order.serving not in {now.id, now.rollback_of}
    return is_same(given[name], rotation.value)


async def advice(run: Run, order: RotationOrder, rotation: Rotation) -> tuple[str, ...]:
    """When and how to revoke the old value. Raises as :meth:`Run.ask`."""
    platform, environment = run.tools.platform, order.environment
    settings = await run.ask("settings", lambda: platform.settings(order.commit))
    today = variables_of(await given_to(run, None), platform.name, environment)
    config, _ = validate(today, Environment(environment), now=run.tools.now())
    lasts = settings.overlap_seconds + settings.draining_seconds
    return advise(
        rotation,
        gone_by=run.tools.now() + timedelta(seconds=lasts),
        holders=await _holders(run, rotation),
        ttl=timedelta(seconds=config.security.previous_key_ttl),
    )


async def _holders(run: Run, rotation: Rotation) -> list[str]:
    """Deployments that could be returned to, and would bring the old value."""
    name, found = rotation.name, list[str]()
    with suppress(ConfigError, PlatformError):
        possible = [
            one for one in await listed(run) if one.can_roll_back and not one.active
        ]
        for one in possible[:_MOST_HOLDERS]:
            given = await given_to(run, one.id)
            sealed = name in given and given[name] is None
            if sealed or is_same(given.get(name), rotation.old):
                found.append(one.id)
    return found
