"""Everything a process would log, caught in memory; the process is put back after."""

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog

from app.backend.config.environment import read_config
from app.backend.monitoring.observability import configure_logging
from app.backend.monitoring.redaction import Redactor

__all__ = ["CapturedLogs", "captured_logs"]


_TOUCHED = (
    "asyncio",
    "httpcore",
    "httpcore2",
    "httpx",
    "httpx2",
    "pinecone",
    "pm33.journal",
    "py.warnings",
    "urllib3",
    "uvicorn",
    "uvicorn.access",
    "uvicorn.asgi",
    "uvicorn.error",
)


class CapturedLogs(io.StringIO):
    """A stream that remembers what was written to it."""

    @property
    def text(self) -> str:
        """All of it."""
        return self.getvalue()

    @property
    def events(self) -> list[dict[str, Any]]:
        """Its lines, each of which has to be a JSON object."""
        events = [json.loads(line) for line in self.text.splitlines()]
        assert all(isinstance(event, dict) for event in events)
        return events


@contextmanager
def captured_logs(environ: Mapping[str, str]) -> Iterator[CapturedLogs]:
    """Configures logging as the service does with these variables."""
    config = read_config(environ)
    stream = CapturedLogs()
    root = logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in _TOUCHED)]
    before = [(one, one.handlers[:], one.level, one.propagate) for one in loggers]
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    logger_class, structlog_config = logging.getLoggerClass(), structlog.get_config()
    try:
        configure_logging(
            config=config, redactor=Redactor(config.secrets()), stream=stream
        )
        yield stream
    finally:
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
        logging.captureWarnings(capture=False)
        logging.setLoggerClass(logger_class)
        structlog.configure(**structlog_config)
        for one, handlers, level, propagate in before:
            one.handlers[:] = handlers
            one.setLevel(level)
            one.propagate = propagate
