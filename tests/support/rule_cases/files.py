"""Values in files, and where these are."""

from collections.abc import Iterator

from tests.support.plausible import PUBLIC_DATABASE
from tests.support.rule_cases.case import (
    DEVELOPMENT,
    ERROR,
    INFO,
    PRODUCTION,
    STAGING,
    WARNING,
    Case,
    Change,
    alike,
    case,
)

__all__ = ["files_cases"]

_NOWHERE = "/run/secrets/of-another-machine"


def files_cases() -> Iterator[Case]:
    """Twice, elsewhere, and not there although they have to be."""
    both: Change = {"JWT_SECRET_FILE": _NOWHERE}
    yield from alike(
        "a value beside its empty file",
        {"JWT_SECRET_FILE": " "},
        "JWT_SECRET",
        "value-and-file",
        production=None,
    )
    yield case(
        "an empty file for a value",
        PRODUCTION,
        {"SECRET_KEY": None, "SECRET_KEY_FILE": ""},
        ("SECRET_KEY", ERROR, "required"),
    )
    for name in ("DB_POOL_SIZE_FILE", "STRIPE_PUBLISHABLE_KEY_FILE"):
        yield from alike(
            f"{name}, which nothing reads",
            {name: _NOWHERE},
            name,
            "file-without-effect",
            production=WARNING,
            staging=WARNING,
            development=INFO,
        )
    theirs: Change = {"PORT_FILE": _NOWHERE, "MY_OWN_FILE": _NOWHERE, "_FILE": "x"}
    yield case("other people's files", PRODUCTION, theirs)
    for environment in (PRODUCTION, STAGING, DEVELOPMENT):
        yield case(
            f"a value beside its file in {environment}",
            environment,
            both,
            ("JWT_SECRET", ERROR, "value-and-file"),
            ("JWT_SECRET_FILE", INFO, "file-elsewhere"),
        )
    yield from _elsewhere()
    yield from _certificates()


def _elsewhere() -> Iterator[Case]:
    file: Change = {"SECRET_KEY": None, "SECRET_KEY_FILE": _NOWHERE}
    yield from alike(
        "a secret in a file of another machine",
        file,
        "SECRET_KEY_FILE",
        "file-elsewhere",
        production=INFO,
        staging=INFO,
        development=INFO,
    )
    unusable = ("SECRET_KEY_FILE", ERROR, "unusable-value")
    yield case("a process without its file", PRODUCTION, file, unusable, own=True)
    checks: Change = {"HEALTH_CHECKS_FILE": _NOWHERE}
    yield from alike(
        "declared checks of another machine",
        checks,
        "HEALTH_CHECKS_FILE",
        "file-elsewhere",
        production=INFO,
        staging=INFO,
    )
    yield case("who reads the checks says what is wrong", PRODUCTION, checks, own=True)


def _certificates() -> Iterator[Case]:
    by_variable: Change = {"DATABASE_URL": PUBLIC_DATABASE, "DB_SSL_CA": _NOWHERE}
    verified = f"{PUBLIC_DATABASE}?sslmode=verify-full&sslrootcert="
    by_url: Change = {"DATABASE_URL": verified + _NOWHERE}
    for change, blamed in ((by_variable, "DB_SSL_CA"), (by_url, "DATABASE_URL")):
        yield from alike(
            f"a certificate of another machine by {blamed}",
            change,
            blamed,
            "file-elsewhere",
            production=INFO,
            staging=INFO,
        )
        for environment in (PRODUCTION, STAGING, DEVELOPMENT):
            yield case(
                f"a process without its certificate by {blamed} in {environment}",
                environment,
                change,
                (blamed, ERROR, "certificate-file"),
                own=True,
            )
    yield case(
        "a certificate that no connection needs", PRODUCTION, {"DB_SSL_CA": _NOWHERE}
    )
    yield case(
        "the system's certificates",
        PRODUCTION,
        {"DATABASE_URL": f"{verified}system"},
        own=True,
    )
