"""Values of a form that nothing can be done with."""

from collections.abc import Iterator

from tests.support.rule_cases.case import (
    ERROR,
    PRODUCTION,
    STAGING,
    WARNING,
    Case,
    alike,
    case,
)

__all__ = ["forms_cases"]


def forms_cases() -> Iterator[Case]:
    """Hosts, proxies, what is imported, and where checks ask."""
    yield from _hosts()
    yield from _imported()
    yield from _proxies()
    yield from _addresses()
    yield from _railway()


def _railway() -> Iterator[Case]:
    everywhere = {"production": ERROR, "staging": ERROR, "development": ERROR}
    name = "PM33_RAILWAY_API_URL"
    for text in ("http://backboard.railway.com/graphql/v2", "backboard.railway.com"):
        yield from alike(
            f"asked at {text}", {name: text}, name, "railway-api-url", **everywhere
        )
    for text in ("https://example.com/graphql?source=us", "http://127.0.0.1:9/x"):
        yield case(f"may be asked at {text}", PRODUCTION, {name: text})


def _hosts() -> Iterator[Case]:
    hosts = "ALLOWED_HOSTS"
    grades = {"production": ERROR, "staging": WARNING, "development": WARNING}
    for name, text in {
        "a host with a scheme": "https://a.pm33.app",
        "a host with a port": "a.pm33.app:443",
        "a host with a path": "b.pm33.app,a.pm33.app/",
        "a comma for hosts": ",",
    }.items():
        yield from alike(name, {hosts: text}, hosts, "host-names", **grades)
    for text in ("localhost,127.0.0.1,::1", ".pm33.app", "a_b.internal,pm33.app."):
        yield case(f"good hosts: {text}", PRODUCTION, {hosts: text})


def _imported() -> Iterator[Case]:
    everywhere = {"production": ERROR, "staging": ERROR, "development": ERROR}
    mount, extra = "PM33_MOUNT", "HEALTH_EXTRA_CHECKS"
    metadata = "PM33_METADATA"
    wrong = (
        (mount, "app/main.py"),
        (extra, "a.b:c,nothing"),
        (metadata, "shop.tables"),
    )
    for name, text in wrong:
        yield from alike(
            f"no object for {name}", {name: text}, name, "import-path", **everywhere
        )
    yield case("a module whose object is app", PRODUCTION, {mount: "application"})
    yield case(
        "objects",
        PRODUCTION,
        {mount: "my-app.web:app", extra: "a:b.c, d:e", metadata: "shop:M"},
    )


def _proxies() -> Iterator[Case]:
    name = "TRUSTED_PROXIES"
    grades = {"production": ERROR, "staging": WARNING, "development": WARNING}
    for text in ("proxy", "10.0.0.1/8"):
        yield from alike(
            f"a proxy that is none: {text}",
            {name: text},
            name,
            "trusted-proxies",
            **grades,
        )
    yield case("proxies", PRODUCTION, {name: "10.0.0.7, 10.1.0.0/16,::1"})
    anybody = {name: "*", "PM33_PLATFORM": "local"}
    found = (name, WARNING, "any-proxy")
    yield case("everybody a proxy", PRODUCTION, {**anybody}, found)
    yield case("everybody a proxy", STAGING, {**anybody})
    yield case("behind Railway's edge", PRODUCTION, {name: "*"})
    socket = {"PM33_SOCKET": "/run/pm33.sock"}
    yield case("behind a socket", PRODUCTION, {**anybody, **socket})


def _addresses() -> Iterator[Case]:
    name = "HEALTH_RESEND_BASE_URL"
    everywhere = {"production": ERROR, "staging": ERROR, "development": ERROR}
    yield from alike(
        "a check's address that is none",
        {name: "nope"},
        name,
        "check-url",
        **everywhere,
    )
    yield from alike(
        "a key in the clear",
        {name: "http://resend.pm33.app"},
        name,
        "check-plain-http",
        production=WARNING,
        staging=WARNING,
        development=None,
    )
    page = "HEALTH_RESEND_STATUS_URL"
    warned = dict.fromkeys(("production", "staging", "development"), WARNING)
    yield from alike(
        "a status page that is none", {page: "no"}, page, "check-status-url", **warned
    )
    probe = "HEALTH_STRIPE_PROBE"
    yield from alike(
        "a vendor without an SDK", {probe: "sdk"}, probe, "check-probe", **everywhere
    )
    yield case("one with an SDK", PRODUCTION, {"HEALTH_PINECONE_PROBE": "sdk"})
    yield case("no SDK wanted", PRODUCTION, {probe: "http"})
    for text in ("off", "https://mirror.pm33.app/summary.json"):
        yield case(f"a status page: {text}", PRODUCTION, {page: text})
    for text in (
        *("https://resend.pm33.app/v1", "http://127.0.0.1:9000/resend"),
        "http://resend.railway.internal:9000",
    ):
        yield case(f"a check's address: {text}", PRODUCTION, {name: text})
    yield case("somebody's own", PRODUCTION, {"HEALTH_QUEUE_BASE_URL": "amqp://q"})
