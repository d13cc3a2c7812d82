"""What an error of redis-py says of the server, and what to do about it."""

from collections.abc import Mapping

from app.backend.health.models import CheckResult, Failure

__all__ = ["judge_error"]

# What is raised, by the name of its class (or by its words, where it has no class of
# its own), so that redis-py need not be imported for it. The first that fits decides.
_REFUSED_US: Mapping[str, tuple[Failure, str]] = {
    "max number of clients": (
        Failure.OVERLOADED,
        "Raise maxclients, or close connections that nobody uses.",
    ),
    "BUSY ": (
        Failure.OVERLOADED,
        "End the script that blocks the server (SCRIPT KILL, FUNCTION KILL).",
    ),
    "BusyLoadingError": (
        Failure.OVERLOADED,
        "Wait until the server has loaded its data.",
    ),
    "AuthenticationError": (
        Failure.AUTH,
        "Correct the user and the password in REDIS_URL.",
    ),
    "NoPermissionError": (
        Failure.PERMISSION,
        "Allow the user PING, INFO and CLIENT SETNAME (+@connection +info).",
    ),
    "ResponseError": (
        Failure.CONFIG,
        "See whether REDIS_URL names the right server and database.",
    ),
}
_NO_ANSWER: Mapping[str, tuple[Failure, str]] = {
    "SSLError": (
        Failure.TLS,
        "Compare scheme (redis:// or rediss://) and certificate with the server's.",
    ),
    "gaierror": (
        Failure.DNS,
        "Correct the host in REDIS_URL, or look at the resolver.",
    ),
    "TimeoutError": (
        Failure.TIMEOUT,
        "See whether the server is overloaded, or a firewall drops the packets.",
    ),
    "InvalidResponse": (
        Failure.CONFIG,
        "Something else listens there: correct host and port in REDIS_URL.",
    ),
    "Exception": (
        Failure.REFUSED,
        "See whether the server runs, and whether REDIS_URL names its host and port.",
    ),
}


def judge_error(error: Exception) -> CheckResult:
    """What an error of redis-py says of the server.

    Answered but refused is degraded; no answer is unhealthy.
    """
    # redis-py wraps the socket's error once, and keeps it as the context.
    errors = (error, error.__cause__ or error.__context__)
    names = {kind.__name__ for each in errors for kind in type(each).__mro__}
    message = f"{type(error).__name__}: {error}"
    for sign, (failure, remedy) in _REFUSED_US.items():
        if sign in names or sign in message:
            return CheckResult.degraded(failure, message, remedy=remedy)
    failure, remedy = next(_NO_ANSWER[name] for name in _NO_ANSWER if name in names)
    return CheckResult.unhealthy(failure, message, remedy=remedy)
