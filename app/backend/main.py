"""The application, put together: ours alone, or ours around the user's."""

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from app import __version__
from app.backend.api.admin import AdminGate, Operations, admin_router
from app.backend.api.composition import (
    Dispatcher,
    Lifespan,
    is_owned,
    refuse_taken_routes,
)
from app.backend.api.edge import App, Edge, Receive, Scope, Send
from app.backend.api.health import health_router
from app.backend.api.heartbeats import heartbeats_router
from app.backend.api.hook_reading import HookReader, opener
from app.backend.api.hooks import hooks_router
from app.backend.api.metrics import metrics_router
from app.backend.api.no_store import NoStore
from app.backend.api.observer import Observer
from app.backend.api.problems import add_handlers, problem
from app.backend.api.request_context import RequestContext
from app.backend.api.signal_chain import SignalChain
from app.backend.api.tokens import TokenCheck
from app.backend.config.environment import Config
from app.backend.config.findings import Finding
from app.backend.config.process import judged_config
from app.backend.health.lifecycle import Stage
from app.backend.health.service import HealthService
from app.backend.monitoring.observability import (
    configure_logging,
    configure_own_logging,
    install_loop_handler,
)
from app.backend.monitoring.redaction import Redactor
from app.backend.operations.hook_events import HookEventStore
from app.backend.resources import Resources
from app.errors import OpsError, RouteTakenError

__all__ = ["OpsApplication", "app", "create_app", "install"]

app: "OpsApplication"
"""The ASGI application for any server, built when it is first asked for."""

_log = logging.getLogger("pm33.main")


class OpsApplication(Edge):
    """Health in front, the observer behind it, then everything else.

    It is the edge itself: another layer in front would double what an answer costs.

    Args:
        config: what is set.
        findings: what the rules say of that; errors hold the startup gate.
        host: the user's application; None: there is none.
        strict: raise what is refused (the process is the user's), instead of turning
            the startup gate red (the process is ours).
        chain_signals: put the drain before the server's own SIGTERM handler.

    Attributes:
        health: the health system.
        resources: what is shared with the application, as ``request.state.pm33``.
        host: the user's application.
    """

    def __init__(
        self,
        config: Config,
        *,
        findings: Iterable[Finding] = (),
        host: App | None = None,
        strict: bool = False,
        chain_signals: bool = True,
    ) -> None:
        self.config = config
        self.redactor = Redactor(config.secrets())
        self.resources = Resources.of(config)
        self.health = HealthService(
            config, self.resources, self.redactor, findings=findings, strict=strict
        )
        self.operations = Operations(config, self.redactor)
        store = self.resources.store_connection
        self.hooks = HookReader(
            HookEventStore(store) if store else None, opener(config), self.redactor
        )
        self._strict = strict
        self._signals = SignalChain(self.drain, config.lame_duck)
        self._chain_signals = chain_signals
        self.host = host = host or self._mounted()
        own = self._routes(alone=host is None)
        self._dispatcher = Dispatcher(own, host or own)
        context = RequestContext(
            self._dispatcher,
            quiet=is_owned,
            leaving=self._leaving,
            identify=lambda: self.health.board.snapshot.identity,
        )
        self._observer = Observer(context)
        own.include_router(
            metrics_router(
                self.health.board, self, self._observer, TokenCheck.of(config)
            )
        )
        behind = Lifespan(
            self._observer,
            host,
            self._lives,
            on_started=self._on_started,
            on_failed=None if strict else self._on_host_failed,
        )
        super().__init__(behind, self.health.board)

    def drain(self) -> None:
        """The process was asked to stop: readiness says no from now on."""
        self.health.lifecycle.drain()

    def _routes(self, *, alone: bool) -> FastAPI:
        """Our own routes; documentation pages only where nobody else has theirs."""
        documented = alone and not self.config.is_production
        own = FastAPI(
            title="PM33 Ops",
            version=__version__,
            docs_url="/docs" if documented else None,
            redoc_url=None,
            openapi_url="/openapi.json" if documented else None,
            redirect_slashes=False,
        )
        own.add_middleware(NoStore)
        add_handlers(own)
        own.add_middleware(AdminGate, tokens=TokenCheck.of(self.config))
        own.include_router(health_router(self.health.board, TokenCheck.of(self.config)))
        heartbeat_token = self.config.security.heartbeat_token
        own.include_router(heartbeats_router(self.health.heartbeats, heartbeat_token))
        own.include_router(hooks_router(self.config, self.hooks))
        own.include_router(admin_router(self.config, self.operations))
        return own

    def _mounted(self) -> App | None:
        """The application that ``PM33_MOUNT`` names, or one that says it is missing."""
        path = self.config.server.mount
        if path is None:
            return None
        try:
            mounted = _load(path)
            if isinstance(mounted, OpsApplication) and mounted.host is not None:
                mounted = mounted.host  # wrapped by install() already
            if not callable(mounted):
                raise TypeError(f"{path} is not callable")  # noqa: TRY301 - as a wrong import
            refuse_taken_routes(mounted)
        except RouteTakenError as error:
            self.health.add_fault(error, "PM33_MOUNT")
            return _unavailable
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's module may do anything
            _log.exception("PM33_MOUNT cannot be imported")
            fault = OpsError(
                f"PM33_MOUNT {path} cannot be imported: {type(error).__name__}",
                remedy="name it as package.module:app; the log has the traceback",
            )
            self.health.add_fault(fault, "PM33_MOUNT")
            return _unavailable
        return mounted

    def _leaving(self) -> bool:
        return self._chain_signals and self.health.lifecycle.stage is Stage.DRAINING

    def _on_started(self) -> None:
        """Without the application there is nothing to be ready for."""
        if self._dispatcher.host is not _unavailable:
            self.health.lifecycle.serve()

    def _on_host_failed(self, reason: str) -> None:
        self._dispatcher.host = _unavailable
        last_line = reason.strip().rpartition("\n")[2]
        _log.error("the mounted application did not start", extra={"cause": reason})
        self.health.add_fault(
            OpsError(
                f"the mounted application did not start: {last_line}",
                remedy="the log has the traceback of its lifespan",
            ),
            "PM33_MOUNT",
        )

    @asynccontextmanager
    async def _lives(self) -> AsyncIterator[dict[str, Any]]:
        if self._chain_signals:
            self._signals.install()
        if not self._strict:  # the process is ours
            install_loop_handler(asyncio.get_running_loop())
        await self.health.start()
        try:
            yield {"pm33": self.resources}
        finally:
            await self.health.stop()
            await self.hooks.close()
            await self.operations.close()
            await self.resources.close()
            self._signals.remove()


def create_app(
    config: Config | None = None,
    *,
    findings: Iterable[Finding] = (),
    chain_signals: bool = True,
) -> OpsApplication:
    """Builds the service, with the application that ``PM33_MOUNT`` names inside.

    Whatever is wrong turns the startup gate red and is said in the log; the process
    starts all the same, so that there is somebody to ask.

    Args:
        config: what is set; by default the process environment, which is judged then.
        findings: what the rules say of a given one.
        chain_signals: see :class:`OpsApplication`.
    """
    if config is None:
        config, findings = judged_config()
    return OpsApplication(config, findings=findings, chain_signals=chain_signals)


def install(application: App, config: Config | None = None) -> OpsApplication:
    """Puts health around the application of an existing process.

    Args:
        application: any ASGI application.
        config: what is set; by default the process environment, which is judged then:
            errors of its rules hold the startup gate, and raise nothing.

    Returns:
        The ASGI application to serve instead, as in ``app = install(app)``. Its
        lifespan runs the given one's.

    Raises:
        RouteTakenError: the application serves one of our paths already.
        CheckRegistrationError: a check was refused.
    """
    if isinstance(application, OpsApplication):
        return application
    config, findings = (config, ()) if config else judged_config()
    configure_own_logging(config=config, redactor=Redactor(config.secrets()))
    refuse_taken_routes(application)
    return OpsApplication(config, findings=findings, host=application, strict=True)


async def _unavailable(scope: Scope, receive: Receive, send: Send) -> None:
    """Stands where the mounted application should be."""
    if scope["type"] == "http":
        answer = problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "the application could not be loaded",
            remedy="see the startup gate: /api/health/startup",
        )
        await answer(scope, receive, send)


def _load(path: str) -> App:
    module, _, name = path.partition(":")
    found: Any = importlib.import_module(module)
    for part in (name or "app").split("."):
        found = getattr(found, part)
    return found  # type: ignore[no-any-return] # whatever it is, it is called as ASGI


def __getattr__(name: str) -> OpsApplication:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    config, findings = judged_config()
    configure_logging(config=config, redactor=Redactor(config.secrets()))
    built = globals()["app"] = create_app(config, findings=findings)
    return built
