"""``make smoke-railway``: looks at a live service, and says which open facts it shows.

It only reads. The token is that of the pipeline (``RAILWAY_TOKEN`` or
``RAILWAY_API_TOKEN``, or the Railway CLI's login), and so is the service
(``PM33_RAILWAY_PROJECT``, ``_ENVIRONMENT``, ``_SERVICE``).

Exits with 0: asked, and nothing is otherwise than pm33 takes it; 1: something is;
2: it is not said which service; 3: Railway does not answer; 5: it refuses the token;
78: there is no token.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence

import click

from app.backend.config.environment import read_config
from app.backend.deploy.platforms.railway.connection import connect
from app.backend.monitoring.redaction import Redactor
from app.cli.main import main
from app.cli.options import environment_option, json_option
from tests.live.facts import Finding, Found, findings
from tests.live.gathering import gather

__all__ = ["smoke"]


@click.command()
@environment_option
@json_option
def smoke(environment: str | None, *, as_json: bool) -> None:
    """Reads a live service at Railway, and changes nothing."""
    chosen = environment or os.environ.get("ENVIRONMENT") or "production"
    config = read_config({**os.environ, "ENVIRONMENT": chosen})
    redactor = Redactor(config.secrets())

    def say(line: str) -> None:
        click.echo(redactor.redact(line), err=True)

    async def look() -> tuple[Finding, ...]:
        connection = connect(config, chosen, say=say)
        try:
            url = config.deployment.railway_api_url
            return findings(await gather(connection, url))
        finally:
            await connection.api.close()

    found = asyncio.run(look())
    if as_json:
        click.echo(redactor.redact(json.dumps([one.to_dict() for one in found])))
    else:
        click.echo(redactor.redact("\n".join(_table(found))))
    sys.exit(any(one.found is Found.OTHERWISE for one in found))


def _table(found: Sequence[Finding]) -> list[str]:
    width = max(len(one.fact) for one in found)
    lines = [f"{one.fact:<{width}}  {one.found:<9}  {one.seen}" for one in found]
    counts = [sum(one.found is kind for one in found) for kind in Found]
    told = ", ".join(
        f"{count} {kind}" for count, kind in zip(counts, Found, strict=True)
    )
    return [*lines, f"of {len(found)} facts: {told}"]


if __name__ == "__main__":
    main(command=smoke, program="smoke-railway")
