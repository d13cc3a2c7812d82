"""When and how an old value is revoked, once what serves has the new one. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.backend.deploy.rotating.rotation import Rotation

__all__ = ["advise"]


def advise(
    rotation: Rotation, *, gone_by: datetime, holders: Sequence[str], ttl: timedelta
) -> tuple[str, ...]:
    """What is left to do, step by step; nothing where the platform's own was replaced.

    Args:
        rotation: that has come about.
        gone_by: when the last process that was made with the old value has ended.
        holders: deployments that could be returned to and hold the old value.
        ttl: for how long a previous key is to be kept.
    """
    name, at = rotation.name, f"{gone_by:%Y-%m-%d %H:%M:%S %Z}"
    if rotation.was_platforms:
        return ()
    told = []
    if rotation.keeps:
        until = gone_by.date() + ttl
        told.append(
            f"what the old {name} has signed is accepted by {rotation.keeps}: remove"
            f" that on {until} (PM33_PREVIOUS_KEY_TTL), and deploy"
        )
    if name == "STRIPE_WEBHOOK_SECRET":
        # https://docs.stripe.com/webhooks#roll-endpoint-secrets
        told.append("Stripe itself signs with a rolled secret for 24 h at most")
    elif not rotation.keeps:
        told.append(f"revoke the old {name} where it was made, not before {at}")
    if holders:
        told.append(
            f"{', '.join(holders)} still hold the old {name}: from then on, go back"
            " there with `pm33 rollback --target ID --current-variables`"
        )
    return tuple(told)
