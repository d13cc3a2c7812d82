"""Values that stand in files, which may be on another machine than this one.

A process has the files that its variables name, or cannot work. Of what is meant for
another one, a file that is not here is as good as sealed.
"""

import os.path
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.backend.config.findings import Severity
from app.backend.config.rules.databases import URLS, databases
from app.backend.config.rules.known import KNOWN, SECRETS
from app.backend.config.rules.model import EVERYWHERE, Broken, Facts, Rule, severities
from app.backend.config.variables import Variables

__all__ = ["RULES", "elsewhere"]

_SHORTEST = 8  # HOST_FILE and PORT_FILE may be anybody's
_CA = "DB_SSL_CA"
_CHECKS = "HEALTH_CHECKS_FILE"
_CERTIFICATES: Final = (_CA, *URLS)


def elsewhere(variables: Variables) -> frozenset[str]:
    """The ``NAME_FILE`` variables whose file is for another machine than this one."""
    if variables.are_own:
        return frozenset()
    given = {f"{name}_FILE" for name in SECRETS} & set(variables.values)
    return frozenset(
        name
        for name in given
        if (path := variables.values[name].strip()) and not os.path.exists(path)  # noqa: PTH110 - a path of any kind, a broken one too
    )


def _elsewhere(facts: Facts) -> Broken:
    if facts.variables.are_own:
        return
    for name in (*sorted(elsewhere(facts.variables)), *_missing_certificates(facts)):
        yield name, "names a file that is not here, so nobody has looked into it"
    checks = facts.config.health.checks_file
    if checks is not None and not os.path.exists(checks):  # noqa: PTH110 - as above
        yield _CHECKS, "names a file that is not here, so nobody has looked into it"


def _no_certificate(facts: Facts) -> Broken:
    if facts.variables.are_own:
        for name in _missing_certificates(facts):
            yield name, "names a file of a certificate authority that is not there"


def _missing_certificates(facts: Facts) -> Iterator[str]:
    """Who names the file, for each one that a connection would need."""
    settings = facts.config.database
    blamed = {
        _CA if settings.ssl_ca else name: path
        for name, url in databases(facts)
        if url.ssl_mode(settings).startswith("verify")
        and (path := url.ssl_ca(settings))
    }
    return (name for name, path in blamed.items() if not Path(path).is_file())


def _twice(facts: Facts) -> Broken:
    given = facts.variables
    there = {name for name, text in given.values.items() if text.strip()} | given.sealed
    for name in SECRETS:
        if {name, f"{name}_FILE"} <= there:
            yield name, f"stands beside {name}_FILE, so nobody can tell which is meant"


def _without_effect(facts: Facts) -> Broken:
    given = facts.variables
    for name in (*given.values, *given.sealed):
        of = name.removesuffix("_FILE")
        if name in KNOWN or of == name or of in SECRETS or len(of) < _SHORTEST:
            continue
        if of in KNOWN:
            yield name, f"has no effect: {of} is no secret, and is read from no file"


RULES: Final = (
    Rule(
        name="file-without-effect",
        variables=tuple(name for name in KNOWN if name not in SECRETS),
        severity=severities(Severity.WARNING, Severity.WARNING, Severity.INFO),
        reason="a file may stand for a secret only",
        remedy="set the variable itself, and take the _FILE away",
        broken=_without_effect,
    ),
    Rule(
        name="value-and-file",
        variables=SECRETS,
        severity=EVERYWHERE,
        reason="the value is what is used, and who renews the file changes nothing",
        remedy="keep the variable or its _FILE",
        broken=_twice,
    ),
    Rule(
        name="certificate-file",
        variables=_CERTIFICATES,
        severity=EVERYWHERE,
        reason="without it the database's certificate cannot be verified, and nobody"
        " connects",
        remedy="point DB_SSL_CA, or sslrootcert in the URL, to a PEM file",
        broken=_no_certificate,
    ),
    Rule(
        name="file-elsewhere",
        variables=(*SECRETS, _CA, *URLS, _CHECKS),
        severity=dict.fromkeys(EVERYWHERE, Severity.INFO),
        reason="it is read where the service runs; there it is an error if it is not"
        " there",
        remedy="see that the file is there where the service will run",
        broken=_elsewhere,
    ),
)
