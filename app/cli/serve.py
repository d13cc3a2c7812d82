"""``pm33 serve``: the service, in the foreground."""

import sys

import click

__all__ = ["serve"]


@click.command()
@click.option("--host", help="Address to listen on; by default every one. [HOST]")
@click.option("--port", type=click.IntRange(0, 65_535), help="[PORT, 8000]")
def serve(host: str | None, port: int | None) -> None:
    """Serves until SIGTERM or Ctrl-C, then drains without losing a request."""
    from app.backend.config.process import judged_config  # noqa: PLC0415 - 0.5 s
    from app.backend.main import create_app  # noqa: PLC0415 - 1 s
    from app.backend.monitoring.observability import (  # noqa: PLC0415 - 0.4 s
        configure_logging,
    )
    from app.backend.monitoring.redaction import Redactor  # noqa: PLC0415 - as above
    from app.backend.server import serve as serve_app  # noqa: PLC0415 - 0.2 s

    config, findings = judged_config()
    chosen = {"host": host, "port": port}
    server = config.server.model_copy(
        update={name: value for name, value in chosen.items() if value is not None}
    )
    config = config.model_copy(update={"server": server})
    configure_logging(config=config, redactor=Redactor(config.secrets()))
    application = create_app(config, findings=findings, chain_signals=False)
    code = serve_app(
        application,
        config=config,
        on_drain=application.drain,
        instant=application.instant,
    )
    sys.exit(code)
