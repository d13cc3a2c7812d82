"""Pinecone: the description of the index; the data plane, which counts reads, rests."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from app.backend.config.environment import Config
from app.backend.health.checks.vendor import Answer, Read, base_url, secret
from app.backend.health.checks.vendor_answers import (
    OUTAGES,
    STRANGER,
    Row,
    judge_answer,
    strange,
    wants_list,
)
from app.backend.health.models import CheckResult, Failure

__all__ = ["ANSWERS", "Pinecone"]

_WHO = "Pinecone"

# https://docs.pinecone.io/reference/api/errors; a 403 there is about quotas of what is
# created, which a read does not meet.
ANSWERS = (
    Row(
        401,
        "",
        Failure.AUTH,
        "it refuses the key",
        "Create a key at app.pinecone.io and set PINECONE_API_KEY.",
    ),
    Row(
        402,
        "",
        Failure.QUOTA,
        "it reports an unpaid bill",
        "See the billing page of app.pinecone.io.",
    ),
    STRANGER,
    Row(
        403,
        "",
        Failure.PERMISSION,
        "the key may not describe the index",
        "Give the key the role that reads the control plane.",
    ),
    Row(
        404,
        "",
        Failure.CONFIG,
        "the key's project has no such index",
        "Correct PINECONE_INDEX, or use a key of the project that has it.",
        variable="PINECONE_INDEX",
    ),
    *OUTAGES,
)

# States of an index that is not ready; these pass by themselves, the others do not.
_UNDERWAY: Final = frozenset({"Initializing", "ScalingUp", "ScalingDown", "Upgrading"})
_BROKEN: Final = frozenset({"InitializationFailed", "Disabled", "Terminating"})


class Pinecone:
    """``GET /indexes/{PINECONE_INDEX}``; ``GET /indexes`` where none is named."""

    name = "pinecone"
    variables = ("PINECONE_API_KEY", "PINECONE_INDEX")
    proves = True

    def read(self, config: Config) -> Read | None:
        """The version is dated, so that the shape of the answer stays."""
        key = secret(config.pinecone.api_key)
        if key is None:
            return None
        base = base_url(self.name, config, "https://api.pinecone.io")
        index = (config.pinecone.index or "").strip()
        path = f"/indexes/{quote(index, safe='')}" if index else "/indexes"
        return Read(
            url=f"{base}{path}",
            headers={"api-key": key, "x-pinecone-api-version": "2026-07"},
        )

    def judge(self, answer: Answer, config: Config) -> CheckResult:
        """By :data:`ANSWERS`, then by the state of the index."""
        named = bool((config.pinecone.index or "").strip())
        return judge_answer(
            answer, ANSWERS, who=_WHO, found=_of_index if named else _of_list
        )


def _of_list(body: Any) -> CheckResult | None:
    return wants_list(_WHO, body, "indexes")


def _of_index(body: Any) -> CheckResult:
    status = body.get("status") if isinstance(body, Mapping) else None
    ready = status.get("ready") if isinstance(status, Mapping) else None
    if not isinstance(status, Mapping) or not isinstance(ready, bool):
        return strange(_WHO)
    if ready:
        return CheckResult.healthy(**_facts(body))
    state = status.get("state")
    shown = state if state in _UNDERWAY | _BROKEN else "unknown"
    return CheckResult.degraded(
        Failure.CONFIG if state in _BROKEN else Failure.OVERLOADED,
        f"{_WHO}: the index is not ready (state {shown})",
        remedy="Wait until it is; if that does not pass, see app.pinecone.io.",
        variable="PINECONE_INDEX",
        state=shown,
    )


def _facts(body: Mapping[str, Any]) -> dict[str, Any]:
    """What can be compared with the embedding model: its first dense vector."""
    schema = body.get("schema")
    fields = schema.get("fields") if isinstance(schema, Mapping) else None
    for one in fields.values() if isinstance(fields, Mapping) else ():
        if isinstance(one, Mapping) and one.get("type") == "dense_vector":
            dimension, metric = one.get("dimension"), one.get("metric")
            known = metric in {"cosine", "euclidean", "dotproduct"}
            return {
                "dimension": dimension if isinstance(dimension, int) else None,
                "metric": metric if known else None,
            }
    return {}
