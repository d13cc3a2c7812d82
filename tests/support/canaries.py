"""Secrets that a test can find again, and somebody who looks for them everywhere."""

import base64
from collections.abc import Iterable, Iterator
from typing import get_args
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, SecretStr

from app.backend.config.environment import Config
from app.backend.health.checks.vendors import VENDORS
from tests.support.http import connect
from tests.support.service import Service

__all__ = ["LOCAL", "PATHS", "REFUSING", "Canaries", "Crawler"]

# A closed port: nobody may listen on it without being root.
REFUSING = "127.0.0.1:1"
LOCAL = {
    f"HEALTH_{vendor.name.upper()}_BASE_URL": f"http://{REFUSING}" for vendor in VENDORS
}
"""Lets no vendor be asked for real, whatever the keys."""

PATHS = (
    "/api/health",
    "/api/health/",
    "/api/health/detailed",
    "/api/health/live",
    "/api/health/ready",
    "/api/health/startup",
    "/api/health/detailed?format=health",
    "/api/health/detailed?format=html",
    "/api/health/detailed?format=text&verbose",
    "/api/health/startup?format=text",
    "/api/health/checks/database?format=badge",
    "/api/health/schema",
    "/api/health/history?limit=1000",
    "/api/health/checks/database",
    "/api/health/checks/cache",
    "/api/health/checks/nothing",
    "/api/health/nothing",
    "/api/version",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/redoc",
    "/",
    "/nothing",
)


class Canaries:
    """A distinct secret for every variable, and the search for what is left of one.

    Between two words that no encoding but base64 and hex changes stand the characters
    about which the encodings quarrel. Either word in a text is a leak.

    Args:
        database: ``host:port/name`` of a server that refuses the password.
    """

    def __init__(self, database: str) -> None:
        self.variables: dict[str, str] = {}
        self._traces: dict[str, str] = {}
        for number, variable in enumerate(_secret_variables()):
            words = f"Hd{number:02}qZ7xWv", f"Tl{number:02}pY3bNk"
            self.variables[variable] = _value(variable, "\"'\\@/+%&<é☃ ~", words)
            self._traces |= {trace: one for one in words for trace in _traces_of(one)}
        password = urlsplit(self.variables["DATABASE_URL"]).password
        self.variables["DATABASE_URL"] = f"postgresql://pm33:{password}@{database}"

    def of(self, variable: str) -> str:
        """The value of a variable."""
        return self.variables[variable]

    def found_in(self, text: str) -> dict[str, str]:
        """The words of which there is a trace, each with what stands around it."""
        one_alphabet = text.replace("-", "+").replace("_", "/")
        found = {}
        for trace, word in self._traces.items():
            at = max(text.find(trace), one_alphabet.find(trace))
            if at >= 0:
                found[word] = text[max(0, at - 60) : at + 60]
        return found


class Crawler:
    """Asks for everything in every way, and keeps all that comes back.

    Attributes:
        seen: status, headers and body of each answer, by its request.
    """

    def __init__(self, service: Service, canaries: Canaries) -> None:
        self._service = service
        self._canaries = canaries
        self._admin = f"Bearer {canaries.of('PM33_ADMIN_TOKEN')}".encode()
        self.seen: dict[str, str] = {}

    async def look(self, paths: Iterable[str]) -> None:
        """Without and with the right to see details."""
        for path in paths:
            await self._keep("GET", path, {})
            await self._keep("GET", path, {b"authorization": self._admin})

    async def crawl(self, paths: Iterable[str]) -> None:
        """With every credential, method, and place for a secret in a request."""
        canary = self._canaries.of("SECRET_KEY")
        wrong = b"Bearer " + self._canaries.of("JWT_SECRET").encode()
        hostile = {
            name: canary.encode()
            for name in (b"cookie", b"x-request-id", b"user-agent", b"referer")
        }
        for path in paths:
            for query in ("", "why", f"why={quote(canary)}&format={quote(canary)}"):
                full = f"{path}{'&' if '?' in path else '?'}{query}" if query else path
                for sent in ({}, {b"authorization": wrong}, hostile):
                    await self._keep("GET", full, sent)
                await self._keep("GET", full, {b"authorization": self._admin})
                await self._keep("HEAD", full, {b"authorization": self._admin})
            await self._keep("POST", path, hostile)

    async def intrude(self) -> None:
        """Puts secrets where a path, a parameter or a whole request should be."""
        for variable in ("SECRET_KEY", "DATABASE_URL", "PM33_ADMIN_TOKEN"):
            canary = self._canaries.of(variable)
            name = quote(canary, safe="")
            for path in (
                f"/{name}",
                f"/{'x' * 480}{name}",
                f"/api/health/checks/{name}",
                f"/api/health/history?limit={name}",
                f"/api/health/history?check={name}",
            ):
                await self._keep("GET", path, {})
            async with connect(self._service.port) as connection:
                request = f"GET /{canary} HTTP/1.1\r\nconnection: close\r\n\r\n"
                await connection.send(request.encode())
                answer = await connection.read_to_end()
                self.seen[f"raw {variable}"] = answer.decode("latin-1")

    async def _keep(self, method: str, path: str, headers: dict[bytes, bytes]) -> None:
        answer = await self._service.http.request(method, path, headers=headers)
        head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        said = f"{answer.status_code}\n{head}\n\n{answer.text}"
        self.seen[f"{len(self.seen)}: {method} {path} {sorted(headers)}"] = said


def _secret_variables() -> list[str]:
    """Every variable of the settings that holds a secret."""
    groups = (field.annotation for field in Config.model_fields.values())
    return sorted(
        str(field.alias)
        for group in groups
        if isinstance(group, type) and issubclass(group, BaseModel)
        for field in group.model_fields.values()
        if SecretStr in get_args(field.annotation)
    )


def _value(variable: str, between: str, words: tuple[str, str]) -> str:
    secret = between.join(words)
    encoded = quote(secret, safe="")
    if variable == "REDIS_URL":
        return f"redis://:{encoded}@{REFUSING}/0"
    if variable.endswith("_URL"):
        return f"postgresql://pm33:{encoded}@{REFUSING}/app"
    if variable == "SENTRY_DSN":
        return f"https://{encoded}@o1.ingest.sentry.io/1"
    if variable == "PM33_SLACK_WEBHOOK":
        return f"https://hooks.slack.com/services/T0/B0/{encoded}"
    if variable in {"PM33_ADMIN_TOKEN", "PM33_METRICS_TOKEN"}:
        return "\"'\\@/+%&<~".join(words)  # ASCII, for it goes into a header
    return secret


def _traces_of(word: str) -> Iterator[str]:
    data = word.encode()
    yield from (word, data.hex(), data.hex().upper())
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + data).decode()
        yield encoded[(offset * 8 + 5) // 6 : (offset + len(data)) * 8 // 6]
