"""What is remembered of an embedded server between processes."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.backend.processes import ProcessMark
from app.backend.processes.files import write_private

__all__ = ["Record"]

_FILE = "postgres.json"


@dataclass(frozen=True, slots=True)
class Record:
    """What ``postgres.json`` in a home says; private, for it holds the password.

    Attributes:
        home: the home that it was written for.
        data_dir: where the data are, which may be outside the home.
        version: of the server.
        source: where its programs came from.
        port: where it listened last; the next run takes it again if it is free.
        url: how to connect to it.
        server: its postmaster, which may have ended since.
        owner: the process that has to stop it.
    """

    home: str
    data_dir: str
    version: str
    source: str
    port: int
    url: str = field(repr=False)
    server: ProcessMark
    owner: ProcessMark

    @classmethod
    def load(cls, home: Path) -> "Record | None":
        """Reads the record; None when there is none that is whole and for this home."""
        try:
            raw = json.loads((home / _FILE).read_text(encoding="utf-8"))
            marks = {name: ProcessMark(**raw[name]) for name in ("server", "owner")}
            record = cls(**{**raw, **marks})
        except (OSError, ValueError, TypeError, KeyError):
            return None
        # A copy of a project must not use the original's server, a moved one may.
        copied = record.home != str(home) and Path(record.home).exists()
        return None if copied else record

    def save(self, home: Path) -> None:
        """Replaces the record at once."""
        write_private(home / _FILE, json.dumps(asdict(self), indent=2))
