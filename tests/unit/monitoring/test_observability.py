"""What is logged is one line each, complete, and without secrets."""

import io
import json
import logging
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.contextvars import bound_contextvars

from app.backend.monitoring.observability import get_logger
from tests.support.canary import CANARY, PRODUCTION, TRACES, caught
from tests.support.captured_logs import CapturedLogs, captured_logs


def test_a_json_line_has_the_names_that_readers_rely_on(logs: CapturedLogs) -> None:
    with bound_contextvars(request_id="r-1"):
        get_logger("pm33.test").info("switched to %s", "b", release="b", count=2)
    (event,) = logs.events
    time = event.pop("time")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert datetime.fromisoformat(time).utcoffset() is not None
    assert event == {
        "level": "info",
        "logger": "pm33.test",
        "message": "switched to b",
        "release": "b",
        "count": 2,
        "request_id": "r-1",
    }


def test_fields_of_the_standard_library_look_like_our_own(logs: CapturedLogs) -> None:
    extra = {"port": 8000, "event": "x", "level": 3, "color_message": "\x1b[1m"}
    with bound_contextvars(request_id="r-2"):
        logging.getLogger("uvicorn.error").info("on %s", "host", extra=extra)
    (event,) = logs.events
    del event["time"]
    assert event == {
        "level": "info",
        "logger": "uvicorn.error",
        "message": "on host",
        "port": 8000,
        "event_": "x",
        "level_": 3,
        "request_id": "r-2",
    }


def test_a_traceback_keeps_its_causes(logs: CapturedLogs) -> None:
    get_logger("pm33.test").error("failed", exc_info=caught())
    (event,) = logs.events
    assert "KeyError" in event["exception"]
    assert "direct cause" in event["exception"]
    assert "in fail\n" in event["exception"]


def test_values_are_hidden_by_name_and_short_ones_by_equality(
    logs: CapturedLogs,
) -> None:
    get_logger("pm33.test").info("x", password=["p"], pin="abc12", other="abc123")
    (event,) = logs.events
    hidden = {key: event[key] for key in ("password", "pin", "other")}
    assert hidden == {"password": "[redacted]", "pin": "[redacted]", "other": "abc123"}


def test_a_broken_call_is_reported_with_its_logger() -> None:
    # Not by fixture: the handlers that pytest adds after it raise on such a call.
    with captured_logs(PRODUCTION) as logs:
        logging.getLogger("vendor").info("%d", "x")
        get_logger("pm33.test").info("%d", "x")
    assert [(e["logger"], e["level"], e["message"]) for e in logs.events] == [
        ("vendor", "error", "a log record could not be written: TypeError"),
        ("pm33.test", "error", "a log record could not be written: TypeError"),
    ]


def test_a_closed_stream_raises_nothing(
    logs: CapturedLogs, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.close()
    get_logger("pm33.test").error("nobody reads this")
    assert capfd.readouterr() == ("", "")


@settings(deadline=None, max_examples=150)
@given(
    secret=st.text('"\\{}[]:, \n1me', min_size=6).filter(lambda s: len(s.strip()) >= 6),
    before=st.text('"\\ne', max_size=3),
)
def test_a_line_stays_json_whatever_the_secret_is(secret: str, before: str) -> None:
    with captured_logs(PRODUCTION | {"OPENAI_API_KEY": secret}) as logs:
        get_logger("pm33.test").info(before + secret, **{"key " + secret: [secret, 1]})
        (event,) = logs.events
    assert event["level"] == "info"
    assert secret.strip() not in event["message"].replace("[redacted]", "")


@pytest.mark.parametrize("secret", ["message", "123456", '", "a": "', "pm33.test"])
def test_an_unlucky_secret_leaves_the_line_readable(secret: str) -> None:
    with captured_logs(PRODUCTION | {"OPENAI_API_KEY": secret}) as logs:
        get_logger("pm33.test").info("the event", a="b", n=123456, text=f"<{secret}>")
        (event,) = logs.events
    assert (event["level"], event["message"]) == ("info", "the event")
    assert event["text"] == "<[redacted]>"


@pytest.mark.parametrize(
    ("environ", "is_json"),
    [
        ({"ENVIRONMENT": "production"}, True),
        ({"ENVIRONMENT": "staging"}, True),
        ({"ENVIRONMENT": "development"}, False),
        ({"ENVIRONMENT": "development", "PM33_LOG_FORMAT": "json"}, True),
        ({"ENVIRONMENT": "production", "PM33_LOG_FORMAT": "console"}, False),
    ],
)
def test_the_environment_decides_the_format(
    environ: dict[str, str], *, is_json: bool
) -> None:
    with captured_logs(environ) as logs:
        get_logger("pm33.test").info("started", port=8000)
    assert logs.text.startswith("{") is is_json


def test_a_console_line_has_no_colours_off_a_terminal(console: CapturedLogs) -> None:
    get_logger("pm33.test").error("two words", key="a b", exc_info=caught())
    assert "\x1b" not in console.text
    assert "two words" in console.text
    assert "key='a b'" in console.text
    assert "Traceback (most recent call last)" in console.text


def test_what_no_stream_can_encode_is_escaped(console: CapturedLogs) -> None:
    get_logger("pm33.test").info("lone \ud800 half")
    assert "lone \\ud800 half" in console.text


def test_libraries_that_tell_of_every_request_are_quiet(logs: CapturedLogs) -> None:
    names = ("httpx", "httpcore", "asyncio", "uvicorn.access", "urllib3.pool")
    sdks = ("httpx2", "httpcore2.connection", "pinecone.async_client.indexes")
    for name in (*names, *sdks):
        logging.getLogger(name).info("a request")
        logging.getLogger(name).warning("trouble")
    assert [event["message"] for event in logs.events] == ["trouble"] * 8


def test_the_level_can_be_set() -> None:
    with captured_logs({"ENVIRONMENT": "staging", "PM33_LOG_LEVEL": "error"}) as logs:
        get_logger("pm33.test").warning("no")
        logging.getLogger("httpx").warning("no")
        get_logger("pm33.test").error("yes")
    assert [event["message"] for event in logs.events] == ["yes"]


def test_handlers_that_uvicorn_brought_are_taken_over() -> None:
    own = io.StringIO()
    handler = logging.StreamHandler(own)
    logger = logging.getLogger("uvicorn")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        with captured_logs(PRODUCTION) as logs:
            logging.getLogger("uvicorn.error").error("key %s", CANARY)
            assert len(logs.events) == 1
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
    assert own.getvalue() == ""


def test_configuring_again_does_not_double_the_lines() -> None:
    with captured_logs(PRODUCTION), captured_logs(PRODUCTION) as inner:
        get_logger("pm33.test").info("once")
        assert len(inner.events) == 1


def test_an_interrupt_is_no_crash(logs: CapturedLogs) -> None:
    error = KeyboardInterrupt(CANARY)
    sys.excepthook(type(error), error, None)
    (event,) = logs.events
    assert (event["level"], event["message"]) == ("warning", "interrupted")


def test_a_process_that_dies_says_so_on_stdout_only() -> None:
    program = f"""
from app.backend.config.environment import read_config
from app.backend.monitoring.observability import configure_logging
from app.backend.monitoring.redaction import Redactor
config = read_config({PRODUCTION!r})
configure_logging(config=config, redactor=Redactor(config.secrets()))
raise ValueError({CANARY!r})
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    event = json.loads(done.stdout)
    assert (event["level"], event["message"]) == ("critical", "uncaught exception")
    assert "ValueError" in event["exception"]
    assert not [trace for trace in TRACES if trace in done.stdout]
