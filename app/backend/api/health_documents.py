"""What OpenAPI says of the health routes: parameters, formats, answers."""

from typing import Annotated, Any, Final

from fastapi import Query

from app.backend.api.problems import PROBLEM_TYPE
from app.backend.health.writers import health_json, native
from app.backend.health.writers.formats import FORMATS

__all__ = [
    "NO_CHECK",
    "OBJECT",
    "REPORTS",
    "SCHEMA",
    "SUMMARIES",
    "Answers",
    "Exclude",
    "FormatName",
    "Verbose",
    "Why",
]

Answers = dict[int | str, dict[str, Any]]

SUMMARIES: Final = {
    "/api/health": "The core checks",
    "/api/health/detailed": "Every check",
    "/api/health/live": "Does the process run?",
    "/api/health/ready": "May this replica get requests?",
    "/api/health/startup": "May this release take traffic?",
}

# References that are resolved against the document's own address, so that there is one
# schema (OpenAPI 3.1 §4.6, "Relative References in API Description URIs").
_SCHEMAS: Final = {
    native.MEDIA_TYPE: {"$ref": "/api/health/schema"},
    health_json.MEDIA_TYPE: {"$ref": "/api/health/schema?format=health"},
}
_REPORT = {
    one.media_type: {"schema": _SCHEMAS.get(one.media_type, {"type": "string"})}
    for one in FORMATS
}
_PROBLEM = {PROBLEM_TYPE: {"schema": {"type": "object"}}}
_NO_FORMAT = {"description": "no such format", "content": _PROBLEM}

REPORTS: Final[Answers] = {
    200: {"description": "healthy or degraded", "content": _REPORT},
    406: _NO_FORMAT,
    503: {"description": "unhealthy or unknown", "content": _REPORT},
}
NO_CHECK: Final[Answers] = {404: {"description": "no such check", "content": _PROBLEM}}
OBJECT: Final[Answers] = {
    200: {"content": {native.MEDIA_TYPE: {"schema": {"type": "object"}}}}
}
SCHEMA: Final[Answers] = OBJECT | {406: _NO_FORMAT}

FormatName = Annotated[
    str | None,
    Query(
        description="the format; without it, what `Accept` prefers to JSON",
        json_schema_extra={"enum": [one.names[0] for one in FORMATS]},
    ),
]
Why = Annotated[
    str | None, Query(description="say which checks decided; needs a token")
]
Verbose = Annotated[
    str | None, Query(description="list the checks in `text`, also when all is well")
]
Exclude = Annotated[
    list[str] | None, Query(description="a check to leave out; may be repeated")
]
