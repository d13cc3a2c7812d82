"""A certificate authority of one's own, and servers' certificates by it (openssl)."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["OwnAuthority", "own_authority"]

_KEY = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True)
class OwnAuthority:
    """Where its files are, and the certificates that it has signed.

    Attributes:
        folder: of all files.
        certificate: what its clients trust.
    """

    folder: Path
    certificate: Path

    def signed(self, name: str, days: int) -> tuple[Path, Path]:
        """A certificate and its key, both as files.

        Args:
            name: that it is for.
            days: for which it is valid from now on; negative: it is over.
        """
        stem = self.folder / f"{name}-{days}"
        request, extra = stem.with_suffix(".csr"), stem.with_suffix(".ext")
        key, certificate = stem.with_suffix(".key"), stem.with_suffix(".pem")
        _openssl(
            *("req", "-newkey", *_KEY, "-keyout", key),
            *("-subj", f"/CN={name}", "-out", request),
        )
        extra.write_text(f"subjectAltName=DNS:{name}\n", encoding="utf-8")
        _openssl(
            *("x509", "-req", "-in", request, "-days", str(days), "-out", certificate),
            *("-CA", self.certificate, "-CAkey", self.folder / "authority.key"),
            *("-CAcreateserial", "-extfile", extra),
        )
        return certificate, key

    def context(self, name: str, days: int) -> ssl.SSLContext:
        """A server's, with such a certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.signed(name, days))
        return context


def own_authority(folder: Path) -> OwnAuthority:
    """Makes one, valid for a year."""
    key, certificate = folder / "authority.key", folder / "authority.pem"
    _openssl(
        *("req", "-x509", "-newkey", *_KEY, "-keyout", key, "-days", "365"),
        *("-subj", "/CN=An authority of tests", "-out", certificate),
        *("-addext", "keyUsage=critical,keyCertSign"),
    )
    return OwnAuthority(folder, certificate)


def _openssl(*arguments: object) -> None:
    subprocess.run(
        ["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=30
    )
