"""What Caddy is told. Its configuration never changes while it runs: :mod:`.sockets`.

What the settings below depend on was measured with Caddy 2.11.7 on two cores: two
replicas, 300 to 600 requests a second at a fixed rate, half of them POST on
connections that are kept.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.backend.deploy.platforms.local.sockets import SLOTS
from app.errors import PlatformError

__all__ = ["FIRST_STEP", "PROBES", "SERVER", "ProxyPlaces", "proxy_config"]

SERVER: Final = "service"
PROBES: Final = "probes.sock"
FIRST_STEP: Final = "log_append"
"""With these two labels Caddy's metrics count each request once."""

# A replica that starts again within this time is waited for.
_PATIENCE: Final = "5s"
# With one of two replicas dead, 20 ms made the 99th percentile 21 ms, 10 ms 12 ms.
_BETWEEN_TRIES: Final = "10ms"
# A slot that could not be dialled is passed over for so long. Without that every
# second request waits for its second try, and while no replica is there at all, the
# tries cost twice the CPU. One second made a replica that is back wait for 0.9 s.
_PASSED_OVER: Final = "250ms"
# Shorter than the idle limit of every usual server (gunicorn 2 s, uvicorn and Node
# 5 s). A server that closes while a POST is on its way loses it, since it must not be
# sent twice: 27 of 800 that came at the server's limit, none with a shorter one here.
# No kept connections at all is no way out: of 1,860 answers that were given without
# reading the body, 72 then never came.
_IDLE: Final = "1s"
# Read before the replica is dialled: where a body arrives after its head, and the
# application answers without reading it, Go's server and client race for the body
# (golang/go#15527): 7 of 31,000 answers were cut, with this none of 22,000. Also, a
# slow sender keeps no replica busy. Longer bodies are streamed after that.
_BUFFERED: Final = 64 * 1024
# As Railway's edge does (../railway/FACTS.md §7): 32 KB of headers, idle for 60 s.
_HEADERS: Final = 32 * 1024
_CLIENT_IDLE: Final = "60s"
_HEADERS_WITHIN: Final = "10s"
# What is in flight when Caddy itself is stopped.
_GRACE: Final = "5s"
_ROLLED_MB: Final = 20
_ROLLED_KEPT: Final = 5


@dataclass(frozen=True, slots=True)
class ProxyPlaces:
    """The files of one proxy, all absolute.

    Attributes:
        config: what it is told; written at each start.
        log: what it says.
        access_log: a JSON object for each answer; rolled at 20 MB.
        admin: the socket on which it tells its counters.
        active: names the folder with the sockets of the active deployment.
    """

    config: Path
    log: Path
    access_log: Path
    admin: Path
    active: Path

    @property
    def probes(self) -> Path:
        """On which the pipeline asks as users do, without being counted as one."""
        return self.admin.with_name(PROBES)


def proxy_config(places: ProxyPlaces, *, host: str, port: int) -> dict[str, Any]:
    """Caddy's configuration, in its native JSON.

    Bodies are of any length, as on Railway: they are streamed, and what is too much
    is the application's to say. Headers that name the client (``X-Forwarded-For``,
    ``-Proto``, ``-Host``) are Caddy's own; what a client claims in them is dropped.

    Raises:
        PlatformError: Caddy could not tell a path from a placeholder.
    """
    for path in (places.log, places.access_log, places.admin, places.active):
        if {*"{}|"} & {*str(path)}:
            raise PlatformError(
                f"Caddy cannot be told the path {path}, for its braces or bars",
                remedy="set PM33_HOME to a folder with a plain name",
            )
    return {
        "admin": {
            "listen": f"unix/{places.admin}|0600",
            "config": {"persist": False},
        },
        "logging": {"logs": _logs(places)},
        # Nothing is stored; but without a place it would make one where it stands.
        "storage": {
            "module": "file_system",
            "root": str(places.config.with_name("caddy")),
        },
        "apps": {
            "http": {
                "grace_period": _GRACE,
                "metrics": {},
                "servers": {
                    SERVER: {**_server(places, _address(host, port)), "logs": {}},
                    "probes": _server(places, f"unix/{places.probes}|0600"),
                },
            }
        },
    }


def _address(host: str, port: int) -> str:
    return f"[{host.strip('[]')}]:{port}" if ":" in host else f"{host}:{port}"


def _server(places: ProxyPlaces, listen: str) -> dict[str, Any]:
    active = places.active
    return {
        "listen": [listen],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "read_header_timeout": _HEADERS_WITHIN,
        "idle_timeout": _CLIENT_IDLE,
        "max_header_bytes": _HEADERS,
        "routes": [
            {
                "handle": [
                    _note("upstream", "{http.reverse_proxy.upstream.address}"),
                    # For a request that found no replica to dial.
                    _note("active", f"{{file.{active}}}"),
                    _balance(active),
                ]
            }
        ],
        "errors": {"routes": [{"handle": [_problem()]}]},
    }


def _note(key: str, value: str) -> dict[str, Any]:
    """Adds a field to the line of the access log."""
    return {"handler": FIRST_STEP, "key": key, "value": value}


def _balance(active: Path) -> dict[str, Any]:
    """Hands a request to a replica of the active deployment.

    Sent again is what never was sent, and a GET, which is safe (RFC 9110 §9.2.1).
    """
    upstreams = (f"unix/{{file.{active}}}/{slot}.sock" for slot in range(SLOTS))
    return {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": address} for address in upstreams],
        "load_balancing": {
            "selection_policy": {"policy": "round_robin"},
            "try_duration": _PATIENCE,
            "try_interval": _BETWEEN_TRIES,
        },
        "health_checks": {"passive": {"fail_duration": _PASSED_OVER, "max_fails": 1}},
        "request_buffers": _BUFFERED,
        # At once: an event is no good when it waits for the next one.
        "flush_interval": -1,
        "transport": {
            "protocol": "http",
            "dial_timeout": "1s",
            "keep_alive": {"enabled": True, "idle_timeout": _IDLE},
            # What was not asked for by the client is not asked for by us.
            "compression": False,
        },
    }


def _problem() -> dict[str, Any]:
    """An answer where no replica gave one (RFC 9457)."""
    title, status = "{http.error.status_text}", "{http.error.status_code}"
    return {
        "handler": "static_response",
        "status_code": status,
        "headers": {
            "Content-Type": ["application/problem+json"],
            "Cache-Control": ["no-store"],
        },
        "body": f'{{"type":"about:blank","title":"{title}","status":{status}}}',
    }


def _logs(places: ProxyPlaces) -> dict[str, Any]:
    # Query strings and headers carry tokens.
    private = {
        "format": "filter",
        "wrap": {"format": "json"},
        "fields": {
            "request>uri": {"filter": "regexp", "regexp": "\\?.*", "value": ""},
            "request>headers": {"filter": "delete"},
            "resp_headers": {"filter": "delete"},
        },
    }
    access = "http.log.access"

    def file(path: Path) -> dict[str, Any]:
        return {
            "output": "file",
            "filename": str(path),
            "mode": "0600",
            "roll_size_mb": _ROLLED_MB,
            "roll_keep": _ROLLED_KEPT,
            "roll_gzip": False,
        }

    return {
        "default": {
            "writer": file(places.log),
            "encoder": private,
            "exclude": [access],
        },
        "access": {
            "writer": file(places.access_log),
            "encoder": private,
            "include": [access],
        },
    }
