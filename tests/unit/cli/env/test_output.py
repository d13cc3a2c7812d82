import json
from urllib.parse import unquote

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.backend.config.findings import Finding, Severity
from app.backend.health.models import CheckResult, Failure
from app.cli.env.faults import Spot
from app.cli.env.findings import Verdict, annotation, as_github, as_json
from app.cli.env.questions import Question
from app.cli.env.table import as_table
from app.cli.env.verdicts import Asked
from app.cli.env.width import columns


def finding(
    variable: str = "SECRET_KEY",
    severity: Severity = Severity.ERROR,
    *,
    message: str = "is not set",
    source: str = "prod.env",
    remedy: str = "set it",
) -> Finding:
    return Finding(
        variable=variable,
        severity=severity,
        rule="required",
        message=message,
        remedy=remedy,
        source=source,
    )


def verdict(
    *findings: Finding,
    strict: bool = False,
    asked: tuple[Asked, ...] | None = None,
    **fields: object,
) -> Verdict:
    given: dict[str, object] = {
        "environment": "production",
        "origin": "from --environment",
        "source": "prod.env",
        "files": frozenset({"prod.env"}),
        **fields,
    }
    return Verdict(findings=findings, strict=strict, asked=asked, **given)  # type: ignore[arg-type] # a test's own names


def asked(
    service: str, result: CheckResult | None, variable: str = "REDIS_URL"
) -> Asked:
    async def ask(_: object) -> None: ...

    question = Question(service=service, variables=(variable,), host="h", ask=ask)
    return Asked(question=question, result=result, seconds=0.1234)


def table(one: Verdict, width: int = 80) -> list[str]:
    return click.unstyle(as_table(one, width=width)).splitlines()


def test_what_is_alike_stands_together_with_one_remedy() -> None:
    shown = table(
        verdict(
            finding("STRIPE_SECRET_KEY", source="prod.env, line 3"),
            finding("STRIPE_PUBLISHABLE_KEY"),
            finding("JWT_SECRET", remedy="set another"),
            finding("DEBUG", Severity.WARNING, message="is on"),
        )
    )

    assert shown == [
        "3 errors",
        "  STRIPE_SECRET_KEY  prod.env, line 3",
        "  STRIPE_PUBLISHABLE_KEY",
        "    is not set  [required]",
        "    → set it",
        "  JWT_SECRET",
        "    is not set  [required]",
        "    → set another",
        "",
        "1 warning",
        "  DEBUG",
        "    is on  [required]",
        "    → set it",
        "",
        "production: 3 errors, 1 warning, 0 infos  (prod.env; no service was asked)",
        "next: pm33 env explain STRIPE_SECRET_KEY",
    ]


def test_with_nothing_to_mend_the_next_command_is_a_plan() -> None:
    assert table(verdict(asked=())) == [
        "production: nothing to mend  (prod.env; 0 services asked)",
        "next: pm33 deploy --environment production --dry-run",
    ]


def test_an_info_alone_is_nothing_to_explain() -> None:
    *_, last = table(verdict(finding("REDIS_URL", Severity.INFO)))
    assert last.startswith("next: pm33 deploy")


def test_after_warnings_a_plan_is_next_unless_they_count_as_errors() -> None:
    warned = finding("PM33_PUBLIC_URL", Severity.WARNING)

    *_, last = table(verdict(warned))
    assert last == "next: pm33 deploy --environment production --dry-run"
    *_, last = table(verdict(warned, strict=True))
    assert last == "next: pm33 env explain PM33_PUBLIC_URL"


def test_many_that_are_alike_share_their_lines() -> None:
    names = [f"SERVICE_{letter}_API_KEY" for letter in "ABCDEFGH"]
    shown = table(verdict(*(finding(name) for name in names)))

    assert shown[1:6] == [
        "  SERVICE_A_API_KEY, SERVICE_B_API_KEY, SERVICE_C_API_KEY, SERVICE_D_API_KEY,",
        "  SERVICE_E_API_KEY, SERVICE_F_API_KEY, SERVICE_G_API_KEY, SERVICE_H_API_KEY",
        "    is not set  [required]",
        "    → set it",
        "",
    ]


def test_a_service_with_two_keys_is_one_service() -> None:
    keys = ("SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY")
    twice = tuple(asked("supabase", CheckResult.healthy(), key) for key in keys)
    told = " ".join(table(verdict(asked=twice)))

    assert "1 service asked" in told


def test_a_misspelt_name_is_not_the_one_to_explain() -> None:
    *_, last = table(verdict(finding("ANTROPIC_API_KEY"), finding("SECRET_KEY")))
    assert last == "next: pm33 env explain SECRET_KEY"


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    words = "of many words that go on and on " * 12
    shown = table(
        verdict(
            finding(message=words, remedy=words),
            asked=(asked("cache", None),),
            spared=("stripe", "openai"),
            variables=dict.fromkeys((f"A_VARIABLE_{n}" for n in range(80)), "not set"),
        ),
        width,
    )

    assert max(map(len, shown)) <= width
    assert len(shown) > 12


def test_findings_fit_a_narrow_terminal_too() -> None:
    words = "of many words that go on and on " * 12
    *shown, summary, _ = table(verdict(finding(message=words, remedy=words)), 40)

    assert max(map(len, [*shown, summary])) <= 40


@pytest.mark.parametrize(
    ("given", "used"), [("40", 40), ("20", 40), ("80", 80), ("300", 100)]
)
def test_lines_are_as_wide_as_the_terminal_within_reason(
    given: str, used: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", given)

    assert columns() == used


def test_more_is_told_of_variables_and_services_when_it_is_wanted() -> None:
    shown = table(
        verdict(
            asked=(
                asked("database", CheckResult.healthy(), "DATABASE_URL"),
                asked("cache", None),
                asked("stripe", CheckResult.unhealthy(Failure.AUTH, "no")),
            ),
            spared=("openai",),
            variables={
                "SECRET_KEY": "set",
                "JWT_SECRET": "sealed",
                "DEBUG": "not set",
            },
            places={"SECRET_KEY": "prod.env, line 3"},
        )
    )

    assert shown[:9] == [
        "2 variables are set",
        "  SECRET_KEY  prod.env, line 3",
        "  JWT_SECRET  sealed",
        "  not set: DEBUG",
        "",
        "3 credentials",
        "  database      123 ms  answered         DATABASE_URL",
        "  cache                 private network  REDIS_URL",
        "  stripe        123 ms  auth             REDIS_URL",
    ]
    assert shown[9] == "  not asked, since the variable has an error: openai"


@pytest.mark.parametrize(
    ("severity", "strict", "ok"),
    [
        (Severity.ERROR, False, False),
        (Severity.WARNING, False, True),
        (Severity.WARNING, True, False),
        (Severity.INFO, True, True),
    ],
)
def test_only_errors_fail_and_warnings_when_asked_to(
    severity: Severity, *, strict: bool, ok: bool
) -> None:
    assert verdict(finding(severity=severity), strict=strict).ok is ok


def test_json_holds_findings_counts_and_whoever_was_asked() -> None:
    body = json.loads(
        as_json(verdict(finding(), asked=(asked("cache", None),), spared=("stripe",)))
    )

    assert body["findings"] == [
        {
            "variable": "SECRET_KEY",
            "severity": "error",
            "rule": "required",
            "message": "is not set",
            "remedy": "set it",
            "source": "prod.env",
        }
    ]
    assert body["counts"] == {"error": 1, "warning": 0, "info": 0}
    assert body["services"] == [
        {
            "service": "cache",
            "variable": "REDIS_URL",
            "outcome": "private network",
            "milliseconds": None,
        }
    ]
    assert body["not_asked"] == ["stripe"]
    assert "variables" not in body
    assert "services" not in json.loads(as_json(verdict()))


def test_github_is_told_file_and_line_where_they_are_known() -> None:
    lines = as_github(
        verdict(
            finding(source="a:b, c%.env, line 12", message="is\r\nbroken: 100%"),
            finding("DEBUG", Severity.WARNING),
            finding("PORT", Severity.INFO, source="the process environment"),
        )
    ).splitlines()

    assert lines == [
        (
            "::error title=SECRET_KEY%2C required,file=a%3Ab%2C c%25.env,line=12::"
            "SECRET_KEY: is%0D%0Abroken: 100%25%0A→ set it"
        ),
        "::warning title=DEBUG%2C required,file=prod.env::DEBUG: is not set%0A→ set it",
        (
            "::notice title=PORT%2C required::PORT: is not set"
            " (the process environment)%0A→ set it"
        ),
        "production: 1 error, 1 warning, 1 info",
    ]


@given(message=st.text(), file=st.text(min_size=1))
def test_an_annotation_is_one_line_and_comes_back_as_it_was(
    message: str, file: str
) -> None:
    command = annotation("error", message, spot=Spot(file, 3))

    # What GitHub's runner splits at: line ends, then "::", then "," and "=".
    assert "\n" not in command
    assert "\r" not in command
    empty, head, *rest = command.split("::")
    kind, _, properties = head.partition(" ")
    assert (empty, kind) == ("", "error")
    pairs = dict(pair.split("=", 1) for pair in properties.split(","))
    assert unquote_as_the_runner(pairs["file"]) == file
    assert pairs["line"] == "3"
    assert unquote_as_the_runner("::".join(rest)) == message


def unquote_as_the_runner(text: str) -> str:
    for code in ("%0D", "%0A", "%3A", "%2C", "%25"):
        text = text.replace(code, unquote(code))
    return text
