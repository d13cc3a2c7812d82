"""What the rules say of the variables that a release would be given. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from app.backend.config import findings as config
from app.backend.config.environment import Environment
from app.backend.config.validation import validate
from app.backend.config.variables import Variables
from app.backend.deploy.planning.findings import Finding, Severity
from app.backend.deploy.planning.reverting import of_one_deployment

__all__ = [
    "CODES",
    "ENVIRONMENT_INVALID",
    "TWO_NAMES",
    "differing",
    "findings_of_variables",
    "judge_form",
    "judge_variables",
    "of_its_name",
    "variables_of",
]

ENVIRONMENT_INVALID: Final = "environment_invalid"
"""The code of the finding that refuses."""
_UNTIDY: Final = "environment_untidy"
TWO_NAMES: Final = "two_environment_names"
"""The code of the finding that a service may be deployed under another name."""
_FORM: Final = frozenset(
    {
        *("short-secret", "weak-secret", "same-secret", "short-token"),
        *("placeholder", "wrong-kind-of-key", "database-url", "redis-url"),
        *("pasted-quotes", "pasted-characters", "pasted-line-break", "pasted-name"),
        *("cut-off-key", "import-path", "host-names"),
        *("sentry-dsn", "slack-webhook", "supabase-key-damaged", "supabase-key-role"),
    }
)
"""Rules on what a value looks like, wherever it is used; Stripe's modes are none."""
CODES: Final = frozenset({ENVIRONMENT_INVALID, _UNTIDY})
"""Of every finding on what a variable holds."""


def variables_of(
    given: Mapping[str, str | None], platform: str, environment: str
) -> Variables:
    """A platform's variables as the rules read them; None: sealed."""
    return Variables(
        values={name: value for name, value in given.items() if value is not None},
        source=f"{platform}:{environment}",
        sealed=frozenset(name for name, value in given.items() if value is None),
    )


def differing(
    today: Mapping[str, str | None], before: Mapping[str, str | None]
) -> list[str]:
    """The names of variables that two deployments differ in, each with how.

    Never a value. What is sealed on either side cannot be compared; what each
    deployment has of its own, as its id, is left out.
    """
    told = []
    for name in sorted({*today, *before}):
        if of_one_deployment(name):
            continue
        if name not in before:
            told.append(f"{name} (new)")
        elif name not in today:
            told.append(f"{name} (gone)")
        elif None not in {today[name], before[name]} and today[name] != before[name]:
            told.append(name)
    return told


def judge_variables(
    given: Mapping[str, str | None], environment: str, *, platform: str, now: datetime
) -> tuple[config.Finding, ...]:
    """What ``pm33 env validate`` says of them, offline.

    Args:
        given: by a platform; None: sealed.
        environment: whose rules apply.
        platform: its name, for the reader.
        now: by what expiry is judged.
    """
    variables = variables_of(given, platform, environment)
    _, found = validate(variables, Environment(environment), now=now)
    return found


def of_its_name(given: Mapping[str, str | None], environment: str) -> list[Finding]:
    """Says so where a service calls itself another environment than it is deployed as.

    Leases and journals are by our name: who deploys one service under two keeps
    nobody out.

    Args:
        given: by a platform; None: sealed.
        environment: ours.
    """
    told = given.get("ENVIRONMENT") or given.get("RAILWAY_ENVIRONMENT_NAME") or ""
    name = told.strip().lower()
    if name not in set(Environment) - {environment}:
        return []
    text = (
        f"what is deployed as {environment} calls itself {name}: whoever deploys it as"
        f" {name} is not kept out meanwhile, and knows nothing of this run"
    )
    remedy = f"deploy it as {name} with -e {name}, or let nobody else do so"
    return [Finding(Severity.WARNING, text, remedy, TWO_NAMES)]


def judge_form(
    given: Mapping[str, str | None], environment: str, *, platform: str, now: datetime
) -> tuple[config.Finding, ...]:
    """What production's rules say of the values' own form, in every environment.

    An old value may be short in development; nobody has to make a new one so.

    Args:
        given: by a platform; None: sealed.
        environment: where they stand, for the reader.
        platform: its name, for the reader.
        now: the time.
    """
    variables = variables_of(given, platform, environment)
    _, found = validate(variables, Environment.PRODUCTION, now=now)
    return tuple(one for one in found if one.rule in _FORM)


def findings_of_variables(
    found: Iterable[config.Finding], environment: str
) -> list[Finding]:
    """As a plan shows them: errors as one that refuses, warnings one by one.

    Args:
        found: by the rules; what is only worth knowing is left out.
        environment: whose.
    """
    found = tuple(found)
    errors = [one for one in found if one.severity is config.Severity.ERROR]
    warnings = [one for one in found if one.severity is config.Severity.WARNING]
    told = [
        Finding(
            Severity.ERROR,
            "\n  ".join([_headline(errors, environment), *map(_line, errors)]),
            _remedy(errors),
            ENVIRONMENT_INVALID,
        )
    ]
    return [
        *(told if errors else ()),
        *(
            Finding(
                Severity.WARNING, f"{one.variable} {one.message}", one.remedy, _UNTIDY
            )
            for one in warnings
        ),
    ]


def _headline(errors: list[config.Finding], environment: str) -> str:
    names = dict.fromkeys(one.variable for one in errors)
    what = "variable is" if len(names) == 1 else "variables are"
    return f"{len(names)} {what} not fit for {environment}:"


def _remedy(errors: list[config.Finding]) -> str:
    sources = dict.fromkeys(one.source for one in errors)
    commands = (f"`pm33 env validate --source {source}`" for source in sources)
    return f"mend that on the platform; {', '.join(commands)} shows it again"


def _line(one: config.Finding) -> str:
    return f"{one.variable} {one.message}; {one.remedy}"
