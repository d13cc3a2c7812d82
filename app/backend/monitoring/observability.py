"""Logging: one line per event, readable or JSON, redacted after it was rendered.

Everything goes through one handler of the root logger: structlog, the standard
library, uvicorn, warnings, and what would otherwise end on stderr unredacted, such as
an exception that nobody caught.
"""

import asyncio
import contextlib
import json
import logging
import sys
import threading
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.contextvars import merge_contextvars
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.processors import JSONRenderer, StackInfoRenderer, format_exc_info
from structlog.stdlib import (
    BoundLogger,
    LoggerFactory,
    PositionalArgumentsFormatter,
    ProcessorFormatter,
    filter_by_level,
)
from structlog.typing import EventDict, Processor
from typing_extensions import override

from app.backend.config.environment import Config
from app.backend.monitoring.redaction import Redactor

__all__ = [
    "configure_logging",
    "configure_own_logging",
    "get_logger",
    "install_loop_handler",
]

# They tell of each request or each slow callback; our own lines say it better.
_NOISY = (
    *("asyncio", "httpcore", "httpcore2", "httpx", "httpx2", "pinecone", "urllib3"),
    "uvicorn.access",
)
# Under a foreign uvicorn, or after install(), these have handlers of their own.
_WITH_HANDLERS = ("uvicorn", "uvicorn.access", "uvicorn.asgi", "uvicorn.error", "pm33")
_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {
    "asctime",
    "color_message",
    "message",
    "taskName",
}
_OWN_KEYS = ("time", "level", "logger", "message")
_CALLER_SIDE: tuple[Processor, ...] = (
    # All else is done by the formatter, where nothing can raise into the caller.
    filter_by_level,
    StackInfoRenderer(),
    ProcessorFormatter.wrap_for_formatter,
)

_log = logging.getLogger("pm33.process")


def get_logger(name: str) -> BoundLogger:
    """A logger for ``log.info("event sentence", key=value)``.

    It works before :func:`configure_logging`, then like any logger of the standard
    library that nobody configured.
    """
    logger: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name), processors=_CALLER_SIDE, wrapper_class=BoundLogger
    ).bind()
    return logger


def configure_logging(
    *, config: Config, redactor: Redactor, stream: TextIO | None = None
) -> None:
    """Sends everything that is logged in this process to ``stream`` (stdout).

    JSON has one object a line with ``time`` (RFC 3339, UTC), ``level``, ``logger``,
    ``message``, then the event's own fields. It is the format outside development
    unless ``PM33_LOG_FORMAT`` says otherwise. Calling it again replaces what an
    earlier call set up. Also takes over warnings, ``sys.excepthook`` and its likes.
    """
    handler = _handler(config, redactor, stream or sys.stdout)
    level = config.monitoring.log_level.upper()
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _WITH_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    structlog.configure(
        processors=list(_CALLER_SIDE),
        logger_factory=LoggerFactory(),
        wrapper_class=BoundLogger,
    )
    logging.captureWarnings(capture=True)
    sys.excepthook = _on_crash
    threading.excepthook = _on_thread_crash
    sys.unraisablehook = _on_unraisable


def configure_own_logging(*, config: Config, redactor: Redactor) -> None:
    """The same for our own lines only: the process and its logging are the host's.

    A host that has given the logger ``pm33`` a handler keeps it.
    """
    own = logging.getLogger("pm33")
    if not own.handlers:
        own.addHandler(_handler(config, redactor, sys.stdout))
        own.setLevel(config.monitoring.log_level.upper())
        own.propagate = False


def _handler(config: Config, redactor: Redactor, out: TextIO) -> "_Handler":
    wanted = config.monitoring.log_format
    as_json = not config.is_development if wanted == "auto" else wanted == "json"
    handler = _Handler(out)
    handler.setFormatter(
        _JsonFormatter(redactor)
        if as_json
        else _ConsoleFormatter(redactor, colors=out.isatty())
    )
    return handler


def install_loop_handler(loop: asyncio.AbstractEventLoop) -> None:
    """Logs what the event loop would report to stderr, such as a forgotten task."""
    loop.set_exception_handler(_on_loop_error)


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; when one cannot be made it says so without its contents."""

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        """Replaces the library's report, which prints the arguments to stderr."""
        error = sys.exc_info()[0]
        note = "a log record could not be written: %s"
        args = (error.__name__ if error else "unknown",)
        line = logging.LogRecord(record.name, logging.ERROR, "", 0, note, args, None)
        # A closed or broken stream: there is nowhere left to say so.
        with contextlib.suppress(Exception):
            self.stream.write(self.format(line) + self.terminator)
            self.flush()


class _Formatter(ProcessorFormatter):
    """Gathers an event's fields, renders them, and redacts the rendered line."""

    def __init__(self, redactor: Redactor, render: Processor) -> None:
        self._redactor = redactor
        super().__init__(
            foreign_pre_chain=(_add_extra,),
            processors=(
                merge_contextvars,
                PositionalArgumentsFormatter(),
                format_exc_info,
                self._arrange,
                render,
            ),
        )

    @override
    def format(self, record: logging.LogRecord) -> str:
        return self._seal(super().format(record))

    def _seal(self, line: str) -> str:
        # A lone surrogate would make the stream refuse the whole line.
        return self._redactor.redact(line.encode("utf-8", "backslashreplace").decode())

    def _arrange(self, _logger: Any, _method: str, event: EventDict) -> EventDict:
        record: logging.LogRecord = event.pop("_record")
        del event["_from_structlog"]
        if stack := event.pop("stack_info", None):
            event["stack"] = stack
        time = datetime.fromtimestamp(record.created, UTC)
        own = {
            "time": time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": str(event.pop("event", "")).rstrip(),
        }
        rest = {f"{key}_" if key in own else key: event[key] for key in event}
        return own | self._redactor.redact_fields(rest)


class _JsonFormatter(_Formatter):
    def __init__(self, redactor: Redactor) -> None:
        super().__init__(redactor, JSONRenderer())

    @override
    def _seal(self, line: str) -> str:
        """Redacts the line, and where that breaks its syntax, each value instead.

        A secret may look like a piece of syntax (a quote at its edge), be a number, or
        be a word such as "message".
        """
        clean = self._redactor.redact(line)
        if clean == line:
            return line
        event: dict[str, Any] = json.loads(line)
        if _keys(clean) == list(event):
            return clean
        own = {key: event.pop(key) for key in _OWN_KEYS}
        own |= {key: self._redactor.redact(own[key]) for key in ("logger", "message")}
        return json.dumps(own | self._redactor.redact_value(event))


class _ConsoleFormatter(_Formatter):
    def __init__(self, redactor: Redactor, *, colors: bool) -> None:
        render = ConsoleRenderer(
            colors=colors,
            event_key="message",
            timestamp_key="time",
            sort_keys=False,
            exception_formatter=plain_traceback,
        )
        super().__init__(redactor, render)


def _keys(line: str) -> list[str]:
    try:
        return list(json.loads(line))
    except (TypeError, ValueError):
        return []


def _add_extra(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Adds what a record of the standard library got by ``extra``, overriding nothing.

    structlog's own ExtraAdder lets ``extra={"event": ...}`` replace the message.
    """
    for key, value in event["_record"].__dict__.items():
        if key not in _STANDARD:
            event.setdefault("event_" if key == "event" else str(key), value)
    return event


def _on_crash(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        _log.warning("interrupted")
    else:
        _log.critical("uncaught exception", exc_info=(kind, error, trace))


def _on_thread_crash(args: threading.ExceptHookArgs) -> None:
    if not issubclass(args.exc_type, SystemExit):
        name = args.thread.name if args.thread else None
        _log.critical(
            "a thread died of an exception",
            exc_info=args.exc_value,
            extra={"error": args.exc_type.__name__, "thread_name": name},
        )


def _on_unraisable(args: "sys.UnraisableHookArgs") -> None:
    _log.error(
        args.err_msg or "an exception could not be raised",
        exc_info=args.exc_value,
        extra={"error": args.exc_type.__name__, "object": args.object},
    )


def _on_loop_error(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    facts = dict(context)
    message = facts.pop("message", "unhandled error in the event loop")
    error = facts.pop("exception", None)
    _log.error("%s", message, exc_info=error, extra={"context": facts})
