"""What the edge's Caddy is told; nothing of it changes while it runs.

Everything that does change stands in files that it reads for each request: which
deployment serves, where its replicas listen, whether there is an attack. The first of
these is a symbolic link, replaced in one step, so that a switch needs no reload, which
drops clients that keep their connection.
"""

from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from app.backend.deploy.platforms.local.caddy import ProxyPlaces, proxy_config
from app.backend.deploy.platforms.local.caddy_config import FIRST_STEP, SERVER
from app.backend.deploy.platforms.local.sockets import SLOTS

__all__ = ["NAME", "Manner", "edge_config", "manner_file"]

NAME: Final = "deployment"
"""The file in a deployment's folder with its id; empty: no deployment serves."""

# FACTS §5: idle connections for 60 s, in both directions; 5 min without data.
_IDLE: Final = "60s"
_NO_DATA: Final = "5m"
_REQUEST_ID: Final = "{http.request.uuid}"
_ZONE: Final = "railway/simulated"


class Manner(StrEnum):
    """How the edge treats requests."""

    SERVES = "serves"
    WRONG_PORT = "wrong port"
    CHALLENGE = "challenge"


def manner_file(places: ProxyPlaces) -> Path:
    """The file that holds the :class:`Manner`."""
    return places.active.with_name("manner")


def edge_config(places: ProxyPlaces, *, host: str, port: int) -> dict[str, Any]:
    """The local platform's configuration, where Railway's edge is not another.

    Args:
        places: ``active`` is the link to the folder of the deployment that serves,
            with the addresses of its replicas in files from 0 on.
        host: where it listens.
        port: where it listens.
    """
    config = proxy_config(places, host=host, port=port)
    servers = config["apps"]["http"]["servers"]
    del servers["probes"]
    server = servers[SERVER]
    (route,) = server["routes"]
    balance = route["handle"][-1]
    manner = f"{{file.{manner_file(places)}}}"
    server["routes"] = [
        {"handle": [*_notes(), _named()]},
        _where(f"{{file.{places.active}/{NAME}}}", "", _fallback(404)),
        _where(manner, Manner.CHALLENGE, _challenge()),
        _where(manner, Manner.WRONG_PORT, _fallback(502)),
        {"handle": [_to_a_replica(balance, places.active)]},
    ]
    server["errors"] = {"routes": [{"handle": [_fallback(502)]}]}
    for log in config["logging"]["logs"].values():
        log["writer"]["roll"] = False
    return config


def _notes() -> list[dict[str, Any]]:
    """Fields of the line in the access log."""
    noted = {
        "upstream": "{http.reverse_proxy.upstream.port}",
        "request_id": _REQUEST_ID,
    }
    return [
        {"handler": FIRST_STEP, "key": key, "value": value}
        for key, value in noted.items()
    ]


def _named() -> dict[str, Any]:
    named = {"X-Railway-Edge": [_ZONE], "X-Railway-Request-Id": [_REQUEST_ID]}
    return {"handler": "headers", "response": {"set": named}}


def _where(placeholder: str, value: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Answers itself where a file says so."""
    return {
        "match": [{"vars": {placeholder: [value]}}],
        "handle": [answer],
        "terminal": True,
    }


def _to_a_replica(balance: dict[str, Any], active: Path) -> dict[str, Any]:
    """One try at any replica: whoever does not answer has failed to respond."""
    given = {
        "X-Forwarded-Proto": ["https"],
        "X-Real-IP": ["{http.request.remote.host}"],
        "X-Railway-Edge": [_ZONE],
        "X-Railway-Request-Id": [_REQUEST_ID],
        "X-Request-Start": ["{time.now.unix_ms}"],
    }
    transport = balance["transport"]
    return {
        "handler": balance["handler"],
        "upstreams": [{"dial": f"{{file.{active}/{slot}}}"} for slot in range(SLOTS)],
        "load_balancing": {"selection_policy": {"policy": "random"}},
        "headers": {"request": {"set": given}},
        "request_buffers": balance["request_buffers"],
        "flush_interval": balance["flush_interval"],
        "transport": {
            **transport,
            "keep_alive": {"enabled": True, "idle_timeout": _IDLE},
            "read_timeout": _NO_DATA,
        },
    }


def _fallback(status: int) -> dict[str, Any]:
    said = {404: "Application not found", 502: "Application failed to respond"}
    return {
        "handler": "static_response",
        "status_code": str(status),
        "headers": {
            "Content-Type": ["application/json"],
            "X-Railway-Fallback": ["true"],
        },
        "body": f'{{"status":"error","code":{status},"message":"{said[status]}",'
        f'"request_id":"{_REQUEST_ID}"}}',
    }


def _challenge() -> dict[str, Any]:
    """What a browser is shown while a service is under attack."""
    return {
        "handler": "static_response",
        "status_code": "429",
        "headers": {"Content-Type": ["text/html"], "Cache-Control": ["no-store"]},
        "body": "<!doctype html><title>Checking your browser</title>",
    }
