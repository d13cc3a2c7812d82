"""Whether a way down may be gone, from what was found before it. Pure."""

from app.backend.migrations.back.found import WayDown
from app.errors import DataAtRiskError

__all__ = ["refuse"]


def refuse(way: WayDown, *, accepted: bool) -> None:
    """Refuses what would lose something, unless it can be and has been accepted.

    Raises:
        DataAtRiskError: with the count of each loss, and what to do.
    """
    reasons = way.hopeless if accepted else way.at_risk
    if not reasons:
        return
    lines = "\n".join(f"  {one.line}" for one in reasons)
    remedy = "leave the schema ahead: an application rollback needs no downgrade"
    if not way.hopeless:
        remedy += '; or `--accept-loss --reason "…"`, which keeps what is lost'
    raise DataAtRiskError(
        f"{way.rows} rows and {way.columns} columns are at risk on the way down to"
        f" {way.to}; nothing has been reversed:\n{lines}",
        remedy=remedy,
        report=way.to_dict(),
    )
