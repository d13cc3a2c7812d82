"""Whatever way a secret takes into the log, no line holds it."""

import asyncio
import base64
import gc
import json
import logging
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from typing import NoReturn
from urllib.parse import quote

import pytest
import structlog
from typing_extensions import override

from app.backend.monitoring.observability import get_logger, install_loop_handler
from tests.support.canary import CANARY, PRODUCTION, TRACES, URL, caught, fail
from tests.support.captured_logs import captured_logs


class Leaky:
    """An object that shows its secret when it is looked at."""

    @override
    def __repr__(self) -> str:
        return f"Leaky({CANARY!r})"


class Broken:
    """An object that cannot be shown."""

    @override
    def __repr__(self) -> NoReturn:
        raise RuntimeError(CANARY)


def _stdlib() -> None:
    logging.getLogger("vendor").warning("args %s %r", CANARY, Leaky())


def _structlog() -> None:
    get_logger("pm33.test").warning("fields", key=CANARY, nested=[{"url": URL}])


def _foreign_structlog() -> None:
    structlog.get_logger("app.of.the.user").warning(f"event {URL}", obj=Leaky())


def _extra() -> None:
    logging.getLogger("vendor").error("extra", extra={"headers": {"x": CANARY}})


def _headers() -> None:
    basic = base64.b64encode(f"ops:{CANARY}".encode()).decode()
    headers = [(b"authorization", f"Basic {basic}".encode()), (b"x", CANARY.encode())]
    get_logger("pm33.test").error("headers", headers=headers, raw=repr(headers))


def _encoded() -> None:
    forms = quote(CANARY, safe=""), json.dumps(json.dumps(CANARY)), CANARY.encode()
    get_logger("pm33.test").error("encoded", forms=forms, hexa=CANARY.encode().hex())


def _exception() -> None:
    get_logger("pm33.test").error("failed", exc_info=caught())


def _stdlib_exception() -> None:
    try:
        fail()
    except ValueError:
        logging.getLogger("uvicorn.error").exception("failed", stack_info=True)


def _locals() -> None:
    shown = traceback.TracebackException.from_exception(caught(), capture_locals=True)
    get_logger("pm33.test").error("failed", locals="".join(shown.format()))


def _warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn(f"deprecated {CANARY}", stacklevel=1)


def _thread() -> None:
    thread = threading.Thread(target=fail, name=f"worker {CANARY}")
    thread.start()
    thread.join(timeout=30)


def _crash() -> None:
    error = caught()
    sys.excepthook(type(error), error, error.__traceback__)


class Unraisable:
    """Raises where nobody can catch it."""

    def __del__(self) -> None:
        fail()

    @override
    def __repr__(self) -> str:
        return CANARY


def _unraisable() -> None:
    Unraisable()
    gc.collect()


def _forgotten_task() -> None:
    async def forget() -> None:
        install_loop_handler(asyncio.get_running_loop())

        async def forgotten() -> None:
            fail()

        task = asyncio.create_task(forgotten(), name=CANARY)
        await asyncio.wait({task}, timeout=30)
        del task
        gc.collect()

    asyncio.run(forget())


def _loop_callback() -> None:
    async def call() -> None:
        loop = asyncio.get_running_loop()
        install_loop_handler(loop)
        done = asyncio.Event()
        loop.call_soon(fail)
        loop.call_soon(done.set)
        await done.wait()

    asyncio.run(call())


def _broken_call() -> None:
    logging.getLogger("vendor").error("%d", CANARY)


def _broken_object() -> None:
    get_logger("pm33.test").error("broken", obj=Broken(), key=CANARY)


LEAKS = {
    f.__name__.strip("_"): f
    for f in (
        _stdlib,
        _structlog,
        _foreign_structlog,
        _extra,
        _headers,
        _encoded,
        _exception,
        _stdlib_exception,
        _locals,
        _warning,
        _thread,
        _crash,
        _unraisable,
        _forgotten_task,
        _loop_callback,
        _broken_call,
        _broken_object,
    )
}


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_no_json_line_holds_a_secret(
    leak: Callable[[], None], capfd: pytest.CaptureFixture[str]
) -> None:
    with captured_logs(PRODUCTION) as logs:
        leak()
    (event,) = logs.events
    assert event["level"] in {"warning", "error", "critical"}
    assert event["message"]
    assert not [trace for trace in TRACES if trace in logs.text]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS)
def test_no_console_line_holds_a_secret(
    leak: Callable[[], None], capfd: pytest.CaptureFixture[str]
) -> None:
    with captured_logs(PRODUCTION | {"ENVIRONMENT": "development"}) as logs:
        leak()
    assert logs.text
    assert not [trace for trace in TRACES if trace in logs.text]
    assert capfd.readouterr() == ("", "")
