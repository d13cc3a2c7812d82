"""A report says each thing once."""

from typing import Any

from app.backend.deploy.records.ending import Ending
from app.backend.deploy.report import RunReport


def report(**fields: Any) -> RunReport:
    given = {"commit": "c0ffee", "ending": Ending.FAILED} | fields
    return RunReport(
        kind="deploy", run="r-1", environment="development", platform="local", **given
    )


def test_probes_that_failed_alike_are_one_line() -> None:
    sample = {"path": "/orders", "replica": "d1-0", "code": 500, "reason": "HTTP 500"}
    other = sample | {"path": "/api/version"}
    counts = {"rounds": 3, "ok": 0, "failed": 3, "own_errors": 1}
    text = report(
        evidence={"counts": counts, "evidence": [sample, sample, other, sample]}
    ).text()

    assert "seen: 3 rounds: 3 failed, 1 probes not made" in text
    assert "  bad: /orders d1-0 HTTP 500 (3 times)\n" in text
    assert "  bad: /api/version d1-0 HTTP 500\n" in text


def test_what_the_cause_quotes_is_not_told_again() -> None:
    text = report(
        cause="d1 is FAILED: migrate ended with 1\nno such table: orders",
        log=("d1-0 starting", "d1-0 no such table: orders", "d1-0 }"),
    ).text()

    assert text.count("no such table: orders") == 1
    assert "  d1-0 starting\n  d1-0 }\n" in text


def test_without_a_bad_line_there_is_no_heading() -> None:
    text = report(cause="d1 is FAILED: out of memory", log=("d1-0 out of memory",))
    assert "its last lines" not in text.text()
