"""``pm33 platform`` and ``pm33 deployments`` over a service at Railway."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.railway.authority import TokenKind
from tests.support.railway.connected import variables_for
from tests.support.railway.faults import Fault
from tests.support.railway.ground import EdgeRequest
from tests.support.railway.instant import InstantGround
from tests.support.railway.lifecycle import Status
from tests.support.railway.simulator import Simulator, running
from tests.support.service import Finished, pm33

FIRST, SECOND = "a" * 40, "b" * 40
ENVIRONMENT = ("-e", "production")
HOOK = "a-secret-of-railway-s-hooks"
CANARY = "canary-that-a-release-writes"
_OF_A_DEPLOYMENT = ("VariablesGiven", "DeploymentSnapshot")
_OF_TODAY = ("VariablesToday", "RenderedVariables")


@pytest.fixture
def ground() -> InstantGround:
    return InstantGround()


@pytest.fixture
async def railway(ground: InstantGround) -> AsyncIterator[Simulator]:
    async with running(ground, scale=0.001) as simulator:
        yield simulator


class Shell:
    """A shell with one of the simulator's tokens."""

    def __init__(self, railway: Simulator, home: Path, kind: TokenKind) -> None:
        self.railway = railway
        self.given = variables_for(railway, home, kind)

    async def run(self, *words: str, **more: str) -> Finished:
        done = await pm33(*words, *ENVIRONMENT, **(self.given | more))
        for kind in TokenKind:
            assert self.railway.token(kind) not in done.out + done.err
        return done


@pytest.fixture
def shell(railway: Simulator, tmp_path: Path) -> Shell:
    return Shell(railway, tmp_path, TokenKind.PROJECT)


@pytest.mark.full
async def test_status_is_railways_where_the_environment_is(
    railway: Simulator, shell: Shell
) -> None:
    record = await railway.deploys(FIRST)
    done = await shell.run("platform", "status")
    assert done.code == 0, done.err
    assert "Service      shop / production / web" in done.out
    assert f"Serving      {record.id}  SUCCESS" in done.out
    assert "Replicas     1 RUNNING" in done.out
    # Which service is meant, and how much was asked, is no result.
    assert "Railway: shop / production / web" in done.err
    assert "requests" in done.err

    told = json.loads((await shell.run("platform", "status", "--json")).out)
    assert told["active"][0]["id"] == record.id
    assert told["requests"]["made"] > 0
    assert told["target"]["service"] == "web"


@pytest.mark.full
async def test_whoami_access_and_variables(
    railway: Simulator, shell: Shell, tmp_path: Path
) -> None:
    railway.gives(sealed=True, HIDDEN="a-hidden-value")
    railway.gives(PLAIN="a-plain-value")
    who = await shell.run("platform", "whoami")
    assert "Token        project, from RAILWAY_TOKEN" in who.out
    listed = await shell.run("platform", "variables")
    assert listed.out == "HIDDEN  (sealed)\nPLAIN\n"

    account = Shell(railway, tmp_path, TokenKind.ACCOUNT)
    reach = await account.run("platform", "access")
    assert "warning: an account's token" in reach.out
    assert "locked                    no" in reach.out
    told = json.loads((await account.run("platform", "access", "--json")).out)
    assert told["identity"]["kind"] == "account"


async def test_a_token_alone_says_whose_it_is_and_what_it_serves(
    railway: Simulator, shell: Shell
) -> None:
    who = await pm33("platform", "whoami", **shell.given)
    assert who.code == 0, who.err
    assert "Token        project, from RAILWAY_TOKEN" in who.out
    empty = await pm33("platform", "status", **shell.given)
    assert empty.code == 3, empty.err
    assert "Serving      nothing" in empty.out
    record = await railway.deploys(FIRST)
    status = await pm33("platform", "status", **shell.given)
    assert status.code == 0, status.err
    assert "environment production (from RAILWAY_TOKEN)" in status.err
    assert f"Serving      {record.id}" in status.out


async def test_a_token_that_cannot_tell_aims_an_emergency_at_nothing_else(
    shell: Shell, tmp_path: Path
) -> None:
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "development.jsonl").touch()
    wrong = shell.given | {"RAILWAY_TOKEN": "of-nobody"}
    done = await pm33("rollback", "--reason", "emergency", **wrong)
    assert done.code == 5
    assert "RAILWAY_TOKEN does not tell which environment is meant" in done.err
    assert "development" not in done.err


async def test_without_a_token_nothing_is_said_to_be_unknown(shell: Shell) -> None:
    del shell.given["RAILWAY_TOKEN"]
    done = await shell.run("deployments", "show", FIRST)
    assert done.code == 78
    assert "there is no token for Railway" in done.err
    assert "knows no run" not in done.err


@pytest.mark.full
async def test_the_shield_by_command(railway: Simulator, shell: Shell) -> None:
    assert (await shell.run("platform", "shield", "status")).out == "off\n"
    raised = await shell.run("platform", "shield", "on", "--for", "3h")
    assert raised.out.startswith("on until 2")
    left = (railway.service.shielded_until or 0) - datetime.now(UTC).timestamp()
    assert 10_000 < left <= 10_800
    told = await shell.run("platform", "shield", "on", "--for", "forever", "--json")
    assert json.loads(told.out) == {"on": True, "until": None}
    assert "Shield" in (await shell.run("platform", "status")).out
    assert (await shell.run("platform", "shield", "off")).out == "off\n"
    assert railway.service.shielded_until is None
    wrong = await shell.run("platform", "shield", "on", "--for", "5h")
    assert wrong.code == 2


@pytest.mark.full
async def test_alerts_by_command_show_no_address(
    railway: Simulator, tmp_path: Path
) -> None:
    shell = Shell(railway, tmp_path, TokenKind.WORKSPACE)
    own = {
        "PM33_PUBLIC_URL": "https://ops.example.com",
        "PM33_RAILWAY_HOOK_SECRET": HOOK,
    }
    for given in ({}, *({name: value} for name, value in own.items())):
        lacking = await shell.run("platform", "alerts", "apply", **given)
        assert lacking.code == 5
        named = {name for name in own if name in lacking.err}
        assert named == own.keys() - given.keys()
    for word in ("created", "was there"):
        done = await shell.run("platform", "alerts", "apply", **own)
        assert f"the rule {word}" in done.out
        assert HOOK not in done.out + done.err
    (rule,) = railway.world.rules
    assert (
        rule.channels[0]["url"] == f"https://ops.example.com/api/hooks/railway/{HOOK}"
    )
    plain = await shell.run("platform", "alerts", "apply", "--to", "http://a.example")
    assert plain.code == 2
    project = Shell(railway, tmp_path, TokenKind.PROJECT)
    refused = await project.run("platform", "alerts", "apply", **own)
    assert refused.code == 5
    assert "dashboard" in refused.err


@pytest.mark.full
async def test_what_runs_on_this_machine_has_none_of_it(
    railway: Simulator, shell: Shell
) -> None:
    for words in (("whoami",), ("shield", "off"), ("variables",)):
        done = await shell.run("platform", *words, PM33_PLATFORM="local")
        assert done.code == 5
        assert "runs on this machine" in done.err
    assert railway.requests == []


@pytest.mark.full
async def test_deployments_are_listed_with_the_way_back_and_its_time(
    railway: Simulator, shell: Shell
) -> None:
    first = await railway.deploys(FIRST)
    second = await railway.deploys(SECOND)
    await railway.reaches(first, Status.REMOVED)
    listed = await shell.run("deployments", "list")
    assert listed.code == 0, listed.err
    newest, before = listed.out.splitlines()
    assert newest.startswith("* ")
    assert second.id in newest
    assert first.id in before
    # Pro keeps an image for 120 hours.
    assert before.endswith("way back for 119 h")
    told = json.loads((await shell.run("deployments", "list", "--json")).out)
    deployment = told["entries"][1]["deployment"]
    assert deployment["can_roll_back"] is True
    assert datetime.fromisoformat(deployment["retained_until"]) > datetime.now(UTC)


@pytest.mark.full
async def test_a_deployment_is_shown_and_its_lines_are(
    railway: Simulator, shell: Shell, ground: InstantGround
) -> None:
    ground.behave(FIRST, says=("one", "two"))
    record = await railway.deploys(FIRST)
    now = datetime.now(UTC)
    for status in (200, 503):
        ground.traffic.append(
            EdgeRequest(at=now, deployment=record.id, status=status, seconds=0.5)
        )
    shown = await shell.run("deployments", "show", FIRST[:12])
    assert f"id: {record.id}" in shown.out
    assert "status: SUCCESS" in shown.out
    logged = await shell.run("deployments", "logs")
    assert [line.split()[-1] for line in logged.out.splitlines()] == ["one", "two"]
    http = await shell.run("deployments", "logs", "--http", record.id)
    assert [line.split()[-3] for line in http.out.splitlines()] == ["200", "503"]
    both = await shell.run("deployments", "logs", "--http", "--follow")
    assert both.code == 2


@pytest.mark.full
async def test_lines_of_what_is_over_are_followed_to_their_end(
    railway: Simulator, shell: Shell, ground: InstantGround
) -> None:
    ground.behave(FIRST, says=("one", "two"))
    record = await railway.deploys(FIRST)
    await railway.deploys(SECOND)
    await railway.reaches(record, Status.REMOVED)
    done = await shell.run("deployments", "logs", "--follow", record.id)
    assert done.code == 0
    assert [line.split()[-1] for line in done.out.splitlines()] == ["one", "two"]


@pytest.mark.parametrize(
    "words",
    [
        ("--follow",),
        pytest.param(("--json",), marks=pytest.mark.full),
        pytest.param((), marks=pytest.mark.full),
    ],
    ids=str,
)
async def test_what_only_railway_holds_is_hidden_where_a_release_writes_it(
    railway: Simulator, shell: Shell, ground: InstantGround, words: tuple[str, ...]
) -> None:
    railway.gives(JWT_SECRET=CANARY)
    ground.behave(FIRST, says=(f"signed with {CANARY}",))
    record = await railway.deploys(FIRST)
    await railway.deploys(SECOND)
    await railway.reaches(record, Status.REMOVED)
    done = await shell.run("deployments", "logs", record.id, *words)
    assert done.code == 0, done.err
    assert "signed with [redacted]" in done.out
    assert CANARY not in done.out + done.err
    assert railway.asked()["VariablesGiven"] == 1


@pytest.mark.full
async def test_a_token_that_may_read_no_variables_shows_lines_and_says_so_once(
    railway: Simulator, shell: Shell, ground: InstantGround
) -> None:
    ground.behave(FIRST, says=("one", "two"))
    await railway.deploys(FIRST)
    for operation in (*_OF_A_DEPLOYMENT, *_OF_TODAY):
        railway.faults.add(Fault.NOT_AUTHORIZED, operation=operation, times=None)
    done = await shell.run("deployments", "logs")
    assert done.code == 0, done.err
    assert [line.split()[-1] for line in done.out.splitlines()] == ["one", "two"]
    assert done.err.count("secrets cannot be looked up") == 1
