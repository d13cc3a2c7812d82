import asyncio
import socket
import threading
import time
from typing import Any

import httpx
import pytest

from app.backend.config.environment import read_config
from app.backend.config.findings import Severity
from app.backend.config.variables import Variables
from app.backend.health.models import CheckResult, Failure
from app.cli.env.loop import LeavingLoop
from app.cli.env.questions import Question, questions_of
from app.cli.env.reads import ask_all, within_reach
from app.cli.env.verdicts import Asked, finding_of, findings_of

REFUSED = {
    *(Failure.AUTH, Failure.PERMISSION, Failure.CONFIG, Failure.WRONG_MODE),
}
TROUBLED = {
    *(Failure.QUOTA, Failure.RATE_LIMIT, Failure.OVERLOADED, Failure.VENDOR_INCIDENT),
}
UNREACHED = set(Failure) - REFUSED - TROUBLED
GIVEN = Variables(
    values={"STRIPE_SECRET_KEY": "sk_canary"},
    source="some.env",
    places={"STRIPE_SECRET_KEY": "some.env, line 3"},
)


def question(
    service: str = "stripe",
    *,
    host: str = "api.stripe.com",
    variable: str = "STRIPE_SECRET_KEY",
    others: tuple[str, ...] = (),
    answer: CheckResult | Exception | None = None,
    after: float = 0.0,
) -> Question:
    async def ask(_: httpx.AsyncClient) -> CheckResult | None:
        await asyncio.sleep(after)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Question(service=service, variables=(variable, *others), host=host, ask=ask)


def failed(failure: Failure) -> CheckResult:
    return CheckResult.unhealthy(failure, "it went wrong", remedy="mend it")


@pytest.mark.parametrize("failure", Failure)
@pytest.mark.parametrize("insist", [False, True], ids=["", "connect"])
def test_what_was_refused_is_an_error_and_what_was_not_reached_a_warning(
    failure: Failure, *, insist: bool
) -> None:
    asked = Asked(question=question(), result=failed(failure))
    found = finding_of(asked, GIVEN, insist=insist)

    assert found is not None
    assert (found.variable, found.source) == ("STRIPE_SECRET_KEY", "some.env, line 3")
    assert found.remedy == "mend it"
    if failure in REFUSED:
        expected = ("service-refused", Severity.ERROR)
    elif failure in TROUBLED:
        expected = ("service-troubled", Severity.WARNING)
    else:
        severity = Severity.ERROR if insist else Severity.WARNING
        expected = ("service-unreachable", severity)
    assert (found.rule, found.severity) == expected
    assert found.message.startswith("not reachable") is (failure in UNREACHED)


@pytest.mark.parametrize(
    ("named", "blamed"),
    [
        ("SUPABASE_URL", "SUPABASE_URL"),
        ("SUPABASE_ANON_KEY", "SUPABASE_ANON_KEY"),
        ("NOT_OF_THE_QUESTION", "SUPABASE_ANON_KEY"),
        (None, "SUPABASE_ANON_KEY"),
    ],
)
def test_the_variable_is_blamed_that_the_answer_names(
    named: str | None, blamed: str
) -> None:
    result = CheckResult.degraded(Failure.CONFIG, "no such project", variable=named)
    given = Variables(
        values={"SUPABASE_ANON_KEY": "a", "SUPABASE_URL": "b"},
        source="some.env",
        places={"SUPABASE_URL": "some.env, line 2"},
    )
    one = question("supabase", variable="SUPABASE_ANON_KEY", others=("SUPABASE_URL",))
    found = finding_of(Asked(question=one, result=result), given, insist=False)

    assert found is not None
    assert found.variable == blamed
    assert found.source == given.place(blamed)


@pytest.mark.parametrize("insist", [False, True], ids=["", "connect"])
@pytest.mark.parametrize(
    ("status", "rule"),
    [
        (500, "service-troubled"),
        (599, "service-troubled"),
        (302, "service-unreachable"),  # a proxy's, or a portal's
        (200, "service-unreachable"),
    ],
)
def test_what_has_failed_on_its_own_side_was_reached(
    status: int, rule: str, *, insist: bool
) -> None:
    result = CheckResult.degraded(Failure.INTERNAL, "it failed", http_status=status)
    found = finding_of(Asked(question=question(), result=result), GIVEN, insist=insist)

    assert found is not None
    assert found.rule == rule
    assert found.message.startswith("not reachable") is (rule == "service-unreachable")
    expected = Severity.ERROR if insist and status < 500 else Severity.WARNING
    assert found.severity is expected


LOST = failed(Failure.DNS)


@pytest.mark.parametrize(
    ("answers", "alike"),
    [
        ([("a.example", LOST), ("b.example", LOST)], 2),
        ([("a.example", LOST), ("b.example", LOST), ("127.0.0.1", None)], 2),
        ([("a.example", LOST), ("b.example", LOST), ("c.example", None)], 0),
        ([("a.example", LOST), ("b.example", failed(Failure.REFUSED))], 0),
        ([("a.example", LOST)], 0),
    ],
    ids=["no network", "numbers need no name", "found one", "refused", "only one"],
)
def test_without_a_network_all_are_told_in_the_same_words(
    answers: list[tuple[str, CheckResult | None]], alike: int
) -> None:
    asked = [
        Asked(question=question(host=host), result=result or CheckResult.healthy())
        for host, result in answers
    ]
    found = list(findings_of(asked, GIVEN, insist=True))
    told = [one for one in found if "no name can be resolved here" in one.message]

    assert len(told) == alike
    assert len({(one.message, one.remedy, one.source) for one in told}) <= 1
    assert all(one.rule == "service-unreachable" for one in told)
    assert all(one.severity is Severity.ERROR for one in told)


@pytest.mark.parametrize("service", ["database", "cache"])
def test_nothing_but_the_server_itself_spoils_tls_on_a_direct_way(service: str) -> None:
    asked = Asked(question=question(service), result=failed(Failure.TLS))
    found = finding_of(asked, GIVEN, insist=False)

    assert found is not None
    assert (found.rule, found.severity) == ("service-refused", Severity.ERROR)


@pytest.mark.parametrize(
    "result",
    [CheckResult.healthy(), CheckResult.skipped("not configured")],
    ids=["healthy", "skipped"],
)
def test_an_answer_is_no_finding(result: CheckResult) -> None:
    assert (
        finding_of(Asked(question=question(), result=result), GIVEN, insist=True)
        is None
    )


@pytest.mark.parametrize(
    ("insist", "severity"), [(False, Severity.INFO), (True, Severity.ERROR)]
)
def test_what_is_on_railways_network_is_not_asked_from_elsewhere(
    *, insist: bool, severity: Severity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAILWAY_REPLICA_ID", raising=False)
    monkeypatch.setenv("RAILWAY_ENVIRONMENT_NAME", "production")  # as `railway run`
    private = question(
        host="db.railway.internal", answer=failed(Failure.INTERNAL), after=60
    )
    [asked] = ask_all([private])
    found = finding_of(asked, GIVEN, insist=insist)

    assert asked.result is None
    assert found is not None
    assert (found.rule, found.severity) == ("private-network", severity)
    monkeypatch.setenv("RAILWAY_REPLICA_ID", "r-1")
    assert within_reach(private)


def test_all_are_asked_at_the_same_time_and_answer_in_order() -> None:
    began = time.monotonic()
    asked = ask_all(
        [
            question("one", answer=CheckResult.healthy(), after=0.3),
            question("two", answer=failed(Failure.AUTH), after=0.3),
            question("three", answer=None, after=0.3),
        ]
    )

    assert time.monotonic() - began < 0.8
    assert [one.question.service for one in asked] == ["one", "two", "three"]
    assert [one.result and one.result.failure for one in asked] == [
        *(None, Failure.AUTH, None)
    ]
    assert all(0.3 <= one.seconds < 0.8 for one in asked)


def test_nobody_to_ask_is_no_trouble() -> None:
    assert ask_all([]) == ()


def test_who_does_not_answer_in_time_is_given_up() -> None:
    began = time.monotonic()
    slow, quick = ask_all(
        [question("slow", after=60), question(answer=CheckResult.healthy())],
        altogether=0.2,
    )

    assert time.monotonic() - began < 2
    assert slow.result is not None
    assert slow.result.failure is Failure.TIMEOUT
    assert "0.2 s" in slow.result.message
    assert quick.result is not None
    assert quick.result.failure is None


def test_one_that_breaks_hides_none_of_the_others_and_quotes_nothing() -> None:
    broken, fine = ask_all(
        [
            question(answer=ValueError("sk_canary is no key")),
            question(answer=CheckResult.healthy()),
        ]
    )

    assert broken.result is not None
    assert broken.result.failure is Failure.INTERNAL
    assert "ValueError" in broken.result.message
    assert "canary" not in broken.result.message
    assert fine.result is not None
    assert fine.result.failure is None


def test_a_resolver_that_hangs_is_left_behind() -> None:
    hangs = threading.Event()

    def resolve(*_: Any, **__: Any) -> list[Any]:
        hangs.wait(30)
        return []

    async def connect() -> None:
        async with asyncio.timeout(0.1):
            await asyncio.open_connection("nowhere.invalid", 80)

    began = time.monotonic()
    with (
        asyncio.Runner(loop_factory=lambda: LeavingLoop(resolve)) as runner,
        pytest.raises(TimeoutError),
    ):
        runner.run(connect())
    assert time.monotonic() - began < 5
    hangs.set()


def test_a_name_is_resolved_as_ever() -> None:
    async def resolved() -> list[Any]:
        loop = asyncio.get_running_loop()
        return await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)

    async def unresolved() -> list[Any]:
        return await asyncio.get_running_loop().getaddrinfo("a" * 64 + ".invalid", 80)

    with asyncio.Runner(loop_factory=LeavingLoop) as runner:
        assert runner.run(resolved())[0][4] == ("127.0.0.1", 80)
        with pytest.raises((OSError, UnicodeError)):
            runner.run(unresolved())


def test_only_what_is_configured_and_not_disabled_is_asked() -> None:
    variables = {
        "ANTHROPIC_API_KEY": "sk-ant-canary",
        "OPENAI_API_KEY": "sk-canary",
        "PM33_DISABLED_SERVICES": "OpenAI",
        "REDIS_URL": "redis://cache:6379",
        "DATABASE_URL": "postgresql://u:canary@db/app",
        "PM33_STATE_DATABASE_URL": "postgresql://u:canary@db/app",
        "MIGRATION_DATABASE_URL": "postgresql://m:canary@db/app",
        "DATABASE_UNPOOLED_URL": "mysql://canary",
    }
    asked = questions_of(read_config(variables))

    assert [(one.service, one.variables) for one in asked] == [
        ("database", ("DATABASE_URL", "PM33_STATE_DATABASE_URL")),
        ("database", ("MIGRATION_DATABASE_URL",)),
        ("cache", ("REDIS_URL",)),
        ("anthropic", ("ANTHROPIC_API_KEY",)),
    ]
    assert "canary" not in repr(asked)


def test_a_secret_in_a_file_is_blamed_where_the_file_is_named() -> None:
    given = Variables(
        values={"STRIPE_SECRET_KEY_FILE": "/run/stripe"},
        source="some.env",
        places={"STRIPE_SECRET_KEY_FILE": "some.env, line 9"},
    )
    asked = Asked(question=question(), result=failed(Failure.AUTH))
    found = finding_of(asked, given, insist=False)

    assert found is not None
    assert found.source == "some.env, line 9"
