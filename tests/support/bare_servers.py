"""Servers that are no vendor: one has a certificate of its own, one speaks no TLS."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

__all__ = ["plain_server", "tls_server"]


@asynccontextmanager
async def tls_server(folder: Path) -> AsyncIterator[int]:
    """Shows a certificate that it signed itself."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    subprocess.run(  # noqa: ASYNC221 - before anything else runs
        [
            *("openssl", "req", "-x509", *curve, "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context
    )
    async with server:
        yield int(server.sockets[0].getsockname()[1])


@asynccontextmanager
async def plain_server(says: bytes) -> AsyncIterator[int]:
    """Says that at once, or nothing for ever; no TLS."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        await reader.read() if not says else await reader.read(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])
