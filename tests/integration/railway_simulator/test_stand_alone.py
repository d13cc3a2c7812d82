"""``make simulate-railway`` gives a shell all it needs, and leaves nothing behind."""

import re
import signal
from pathlib import Path

import httpx
import psutil
import pytest

from app.backend.deploy.platforms.railway.operations import operation
from tests.support.processes import Child, eventually, start

EXPORT = re.compile(r'^export (\w+)="(.+)"$', re.MULTILINE)
COMMAND = ("-m", "tests.support.railway")


async def exports(child: Child) -> dict[str, str]:
    await eventually(lambda: "Then:" in child.output())
    return dict(EXPORT.findall(child.output()))


def is_there(folder: str) -> bool:
    return Path(folder).is_dir()


async def asked(given: dict[str, str], name: str) -> httpx.Response:
    headers = {"project-access-token": given["RAILWAY_TOKEN"]}
    async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
        body = {"query": operation(name), "operationName": name}
        return await client.post(given["PM33_RAILWAY_API_URL"], json=body)


@pytest.mark.full
async def test_what_is_pasted_leads_to_the_simulator(tmp_path: Path) -> None:
    command = (*COMMAND, "--instant", "--fault", "data_null")
    with start(command, output=tmp_path / "output") as child:
        given = await exports(child)
        assert (await asked(given, "ProjectToken")).json() == {"data": None}
        told = (await asked(given, "ProjectToken")).json()["data"]["projectToken"]
        assert told["project"]["name"] == given["PM33_RAILWAY_PROJECT"]
        assert told["environment"]["name"] == given["PM33_RAILWAY_ENVIRONMENT"]
        assert is_there(given["PM33_HOME"])
        child.signal(signal.SIGINT)
        assert await child.exit_code() == 0
        assert not is_there(given["PM33_HOME"])


@pytest.mark.full
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
async def test_edge_and_database_end_with_it(
    tmp_path: Path, end: signal.Signals
) -> None:
    with start(COMMAND, output=tmp_path / "output") as child:
        given = await exports(child)
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(given["PM33_PUBLIC_URL"])
        assert answer.status_code == 404
        assert answer.headers["x-railway-fallback"] == "true"
        children = psutil.Process(child.pid).children(recursive=True)
        assert len(children) >= 2
        child.signal(end)
        assert await child.exit_code() == 0
        assert not [one for one in children if one.is_running()]
