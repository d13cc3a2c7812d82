import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.health import health
from app.cli.main import main
from app.errors import HealthUnreachableError
from tests.support.canned_http import (
    CannedService,
    canned_service,
    hanging_service,
    still_open,
)
from tests.support.processes import eventually

NOW = datetime.now(UTC)


def check(status: str = "healthy", **fields: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "critical": True,
        "shared": False,
        "latency_ms": 1.25,
        "failure": None,
    }
    given |= {"checked_at": NOW.isoformat(), "valid_until": NOW.isoformat()}
    return {"status": status, **given, "since": NOW.isoformat(), **fields}


def report(status: str = "healthy", **checks: dict[str, Any]) -> dict[str, Any]:
    return {
        "status": status,
        "checked_at": NOW.isoformat(),
        "deployment_id": "d-1",
        "replica_id": "r-1",
        "commit": "c0ffee0123456789",
        "version": "1.2.3",
        "environment": "production",
        "stage": "serving",
        "checks": checks,
    }


@pytest.fixture
def service() -> Iterator[CannedService]:
    with canned_service() as told:
        yield told


@pytest.fixture
def hanging() -> Iterator[str]:
    with hanging_service() as url:
        yield url


def ask(service: CannedService, *options: str) -> Result:
    return CliRunner(env={"PM33_ADMIN_TOKEN": ""}).invoke(
        health, ["--url", service.url, *options]
    )


@pytest.mark.parametrize(
    ("status", "http", "code"),
    [
        ("healthy", 200, 0),
        ("degraded", 200, 0),
        ("unhealthy", 503, 1),
        ("unknown", 503, 1),
    ],
)
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["words", "json"])
def test_the_exit_code_follows_the_status(
    status: str, http: int, code: int, options: tuple[str, ...], service: CannedService
) -> None:
    service.answers(report(status), http)

    assert ask(service, *options).exit_code == code


@pytest.mark.parametrize(
    ("suffix", "options", "path"),
    [
        ("", (), "/api/health"),
        ("/", (), "/api/health"),
        ("", ("--detailed",), "/api/health/detailed"),
        ("/api/health/ready", (), "/api/health/ready"),
        ("/api/health/ready/", ("--detailed",), "/api/health/ready"),
    ],
)
def test_the_question_goes_where_the_url_leads(
    suffix: str, options: tuple[str, ...], path: str, service: CannedService
) -> None:
    service.answers(report()).url += suffix
    ask(service, *options)

    [(asked, _)] = service.asked
    assert asked == path


def test_an_address_needs_no_scheme(service: CannedService) -> None:
    service.answers(report()).url = service.url.removeprefix("http://")

    assert ask(service).exit_code == 0


def test_json_is_the_report_as_it_is(service: CannedService) -> None:
    full = report(database=check(message="canary"))
    service.answers(full)

    assert json.loads(ask(service, "--json").output) == full


def test_the_table_says_who_has_to_act_and_what_the_vendor_says(
    service: CannedService,
) -> None:
    incident = {"title": "Errors", "impact": "major", "since": "2026-11-23T06:10:00Z"}
    told = {"blame": "them", "incident": incident}
    service.answers(
        report(
            "degraded",
            openai=check("degraded", failure="timeout", message="no answer", data=told),
            stripe=check(data={"incident": incident | {"since": ""}}),
        )
    )
    _, openai, theirs, _, stripe = ask(service).output.splitlines()

    assert openai.endswith("timeout (blame: them): no answer")
    assert theirs.strip() == (
        "! their status page: Errors (major, since 2026-11-23T06:10:00Z)"
    )
    assert stripe.strip() == "! their status page: Errors (major)"


def test_the_table_names_the_release_and_every_check(service: CannedService) -> None:
    hours = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    service.answers(
        report(
            "unhealthy",
            database=check("unhealthy", failure="auth", message="no", remedy="mend it"),
            cache=check("skipped", latency_ms=3.0, since=None),
            system=check(since=hours, remedy="nothing to do"),
        )
    )
    output = ask(service).output

    head, *rows = output.splitlines()
    assert re.split(r"\s{2,}", head) == [
        *("UNHEALTHY", "commit c0ffee012345", "version 1.2.3"),
        *("production", "replica r-1"),
    ]
    assert re.split(r"\s{2,}", rows[0].strip())[:3] == [
        "database",
        "unhealthy",
        "1.2 ms",
    ]
    assert rows[0].endswith("auth: no")
    assert rows[1].strip() == "→ mend it"
    assert rows[2].split() == ["cache", "skipped"]
    assert rows[3].split() == ["system", "healthy", "1.2", "ms", "3", "h"]
    assert len(rows) == 4


def test_a_public_report_is_enough_for_the_table(service: CannedService) -> None:
    service.answers(report("degraded", database=check("degraded", failure="timeout")))
    output = ask(service).output

    assert output.splitlines()[1].endswith("timeout")


def test_a_check_that_is_not_configured_is_no_failure(service: CannedService) -> None:
    service.answers(report("skipped", cache=check("skipped")))
    service.url += "/api/health/checks/cache"

    assert ask(service).exit_code == 0


def test_the_token_is_sent_as_a_bearer_token(service: CannedService) -> None:
    service.answers(report())
    ask(service)
    ask(service, "--token", "canary")
    runner = CliRunner(env={"PM33_ADMIN_TOKEN": "from-env"})
    runner.invoke(health, ["--url", service.url])

    sent = [headers.get("authorization") for _, headers in service.asked]
    assert sent == [None, "Bearer canary", "Bearer from-env"]


def test_a_refused_token_is_told_apart_from_the_report(service: CannedService) -> None:
    service.answers(report()).headers = {"www-authenticate": "Bearer"}
    result = ask(service, "--json", "--token", "wrong")

    assert json.loads(result.stdout)["status"] == "healthy"
    assert "token" in result.stderr
    assert result.exit_code == 0


NO_REPORTS = {
    "html": b"<html>",
    "nothing": b"",
    "a list": b"[]",
    "another status": b'{"status": "pass"}',
    "a problem": b'{"status": 404, "title": "Not Found"}',
    "a status that is a list": b'{"status": []}',
    "somebody else's health": b'{"status": "healthy"}',
    "somebody else's checks": b'{"status": "healthy", "checks": ["database"]}',
    "no text": b"\xff\xfe",
}


@pytest.mark.parametrize("body", NO_REPORTS.values(), ids=NO_REPORTS.keys())
def test_what_is_no_report_counts_as_no_answer(
    body: bytes, service: CannedService
) -> None:
    service.body = body
    result = ask(service)

    assert isinstance(result.exception, HealthUnreachableError)
    assert result.exception.remedy


def test_nobody_there_is_exit_three_with_a_remedy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with canned_service() as gone:
        url = gone.url
    with pytest.raises(SystemExit) as ended:
        main(["health", "--url", url])

    assert ended.value.code == 3
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "remedy:" in shown.err


def test_a_service_that_does_not_answer_is_not_waited_for(hanging: str) -> None:
    result = ask(CannedService(url=hanging), "--timeout", "0.2")

    assert isinstance(result.exception, HealthUnreachableError)


async def test_giving_up_closes_the_connection(hanging: str) -> None:
    result = ask(CannedService(url=hanging), "--timeout", "0.2")

    assert result.exception is not None
    # By the thread that is left behind, at its own next timeout.
    await eventually(lambda: not still_open(hanging))


@pytest.mark.parametrize(
    "url", ["ftp://h", "http://", "http://[::1", "http://h:port"], ids=str
)
def test_an_address_that_is_none_is_a_matter_of_usage(url: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["health", "--url", url])

    assert ended.value.code == 2
