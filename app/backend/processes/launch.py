"""Becomes another program, on a leash and perhaps as somebody else.

Run as a script, with the standard library only::

    python -I -S launch.py PARENT SIGNAL IDENTITY ENVIRONMENT [COMMAND...]

A script and not ``preexec_fn``: that one is unsafe in a process with threads, and
Python 3.12 warns of it. The process keeps its id and start time through ``exec``.

``PARENT`` is the id of the process that asks, ``SIGNAL`` what the command gets when
that one's thread dies (0: nothing), ``IDENTITY`` is ``self``, ``UID:GID`` or
``namespace``, ``ENVIRONMENT`` is ``keep`` or ``clean``. Without a command it exits 0
if the identity could be taken. What goes wrong is said on stderr; the exit code is
then 125, or 126 if the command cannot be run.
"""

import ctypes
import os
import sys

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1  # prctl(2)
_CLONE_NEWUSER = 0x10000000  # unshare(2)
_REFUSED = 125
_NOT_RUN = 126


def main(arguments: list[str]) -> int:
    """Takes the identity, ties the leash, and turns into the command."""
    parent, signal, identity, environment, *command = arguments
    try:
        _become(identity)
        # After the change of user, which clears it (prctl(2)).
        _tie(int(parent), int(signal))
    except OSError as error:
        sys.stderr.write(f"cannot run as {identity}: {error.strerror}\n")
        return _REFUSED
    if not command:
        return 0
    try:
        if environment == "clean":
            clean = {"PATH": os.defpath, "LC_ALL": "C"}
            os.execve(command[0], command, clean)  # noqa: S606  # a path, no shell
        os.execvp(command[0], command)  # noqa: S606  # no shell
    except OSError as error:
        sys.stderr.write(f"cannot run {command[0]}: {error.strerror}\n")
    return _NOT_RUN


def _become(identity: str) -> None:
    if identity == "self":
        return
    if identity == "namespace":
        _call("unshare", _CLONE_NEWUSER)
        return
    uid, gid = (int(part) for part in identity.split(":"))
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


def _tie(parent: int, signal: int) -> None:
    if not signal:
        return
    if sys.platform == "linux":
        _call("prctl", _PR_SET_PDEATHSIG, signal)
    if os.getppid() != parent:
        raise ProcessLookupError(0, "whoever asked is gone")


def _call(function: str, *arguments: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, function)(*map(ctypes.c_ulong, arguments)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
