"""Binding, the plan of the drain, and running the server between the two."""

import contextlib
import errno
import math
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn

from app.backend.config.draining import MARGIN, Drain, divide_drain
from app.backend.config.environment import Config, Problem
from app.backend.server.drain import DrainingServer, DrainPlan
from app.backend.server.instant import Instant
from app.backend.server.protocol import HeaderDeadlineProtocol
from app.errors import ConfigError

__all__ = ["bind", "bind_socket", "plan_drain", "serve"]

Application = Callable[[Any, Any, Any], Awaitable[None]]
"""Any ASGI application."""

_TENTH = 0.1
_BACKLOG = 2048
_NO_IPV6 = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT}


def serve(
    app: Application,
    *,
    config: Config,
    on_drain: Callable[[], None],
    instant: Instant | None = None,
) -> int:
    """Serves ``app`` until a signal has been answered with a complete drain.

    Logging, and what the rules or :func:`plan_drain` find, are the caller's to show.

    Args:
        app: any ASGI application with a lifespan.
        config: where to listen, and every timeout.
        on_drain: called once on the event loop, as soon as the drain begins.
        instant: looks up answers to plain probes, which ``app`` then does not see.

    Returns:
        The exit code: 0 after a drain, 1 if the application did not start.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    plan, _ = plan_drain(config)
    server = DrainingServer(_uvicorn_config(app, config), plan, on_drain, instant)
    path = config.server.socket
    with contextlib.closing(
        bind(config.server.host, config.server.port)
        if path is None
        else bind_socket(path)
    ) as listener:
        try:
            server.run(sockets=[listener])
        except SystemExit:
            # uvicorn's way to say that the lifespan failed; it has logged why.
            return 1
    return 0


def plan_drain(config: Config) -> tuple[DrainPlan, tuple[Problem, ...]]:
    """Divides the time between the signal and the exit, here and now.

    Returns:
        The plan, and a problem if it does not fit under what the platform gives. Where
        the variables are judged by the rules, these have found that already.
    """
    drain = divide_drain(config, on_railway=config.railway.present)
    plan = DrainPlan(drain.lame_duck, drain.in_flight, drain.closing)
    return plan, (_over_limit(config, drain),) if drain.excess > 0 else ()


def _over_limit(config: Config, drain: Drain) -> Problem:
    """Names the explicit variable that can repair the sum alone, else the budget."""
    server, excess = config.server, drain.excess
    raised = math.ceil(drain.needed)
    message = (
        f"the drain may take {drain.total:g} s, {excess:g} s more than "
        f"RAILWAY_DEPLOYMENT_DRAINING_SECONDS leaves after a margin of {MARGIN:g} s"
    )
    explicit = {
        "PM33_DRAIN_TIMEOUT": server.drain_timeout,
        "PM33_LAME_DUCK": server.lame_duck,
        "PM33_CLOSE_TIMEOUT": server.close_timeout
        if "close_timeout" in server.model_fields_set
        else None,
    }
    for variable, seconds in explicit.items():
        if seconds is not None and seconds - excess >= _TENTH:
            lowered = math.floor((seconds - excess) / _TENTH) * _TENTH
            return Problem(
                variable,
                message,
                f"set it to {lowered:.1f} or less, or "
                f"RAILWAY_DEPLOYMENT_DRAINING_SECONDS to {raised} or more",
            )
    return Problem(
        "RAILWAY_DEPLOYMENT_DRAINING_SECONDS", message, f"set it to {raised} or more"
    )


def bind(host: str | None, port: int) -> socket.socket:
    """Opens the listening socket.

    Args:
        host: a name or an address; None (and ``::``) for all addresses of both
            families, or of IPv4 alone where there is no IPv6.
        port: 0 for any free port.

    Raises:
        ConfigError: the address is taken, forbidden, or not of this machine.
    """
    try:
        address = (host or "::").strip("[]")
        if address == "::":
            return _bind_everywhere(port)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return socket.create_server((address, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        match error.errno:
            case errno.EADDRINUSE:
                reason = "another process listens there"
                remedy = "stop that process, or set PORT to a free port"
            case errno.EACCES | errno.EPERM:
                reason = "the system does not allow it"
                remedy = "set PORT to 1024 or above"
            case _:
                reason = "that is no address of this machine"
                remedy = "set HOST to one, or unset it to listen on all of them"
        raise ConfigError(
            f"cannot listen on {host or 'any address'}, port {port}: {reason}",
            remedy=remedy,
        ) from error


def bind_socket(path: Path) -> socket.socket:
    """Opens a listening unix socket; the file that a dead process left is replaced.

    Only this user can connect, whatever the umask.

    Raises:
        ConfigError: somebody listens there, or it cannot be made there.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket() and not _is_listening(path):
            path.unlink()
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {path}: {error.strerror or error}",
            remedy="set PM33_SOCKET to a path of fewer than 100 bytes, in a folder "
            "that this user may write to, where nobody listens",
        ) from error
    return listener


def _is_listening(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
        return visitor.connect_ex(str(path)) == 0


def _bind_everywhere(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(
                ("", port),
                family=socket.AF_INET6,
                dualstack_ipv6=True,
                backlog=_BACKLOG,
            )
        except OSError as error:
            if error.errno not in _NO_IPV6:
                raise
    return socket.create_server(("", port), backlog=_BACKLOG)


def _uvicorn_config(app: Application, config: Config) -> uvicorn.Config:
    class Protocol(HeaderDeadlineProtocol):
        header_timeout = config.server.header_timeout

    # Railway's edge is the only way in there, and its addresses are not published.
    # Nor is there any other way to a unix socket than the proxy of this user.
    only_proxy = config.railway.present or config.server.socket is not None
    trusted = config.security.trusted_proxies or ("*" if only_proxy else "")
    return uvicorn.Config(
        app,
        http=Protocol,
        loop="auto",
        interface="asgi3",
        lifespan="on",
        log_config=None,
        # Its progress messages repeat ours; what goes wrong is still told.
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted,
        workers=1,
        backlog=_BACKLOG,
        timeout_keep_alive=math.ceil(config.server.keep_alive),
    )
