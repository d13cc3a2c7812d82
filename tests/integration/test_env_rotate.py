import asyncio
import json
import os
import pty
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_vendors import FakeVendors, closed_port, fake_vendors
from tests.support.local_delivery import LocalDelivery, local_delivery
from tests.support.local_platform import deployed
from tests.support.scripts import PM33
from tests.support.service import Finished
from tests.support.vendor_voices import KEYS

NAME, OLD, NEW = "OPENAI_API_KEY", "sk-proj-" + "old4Qx7" * 5, KEYS["openai"]
PATIENCE = 90.0
QUICK = {"PM33_GATE_HOLD": "0.2", "PM33_MONITOR_INTERVAL": "0.2", "PM33_BAKE": "1"}
ALONE = ("--unlocked", "-e", "development")


@pytest.fixture
async def vendors() -> AsyncIterator[FakeVendors]:
    async with fake_vendors() as fakes:
        yield fakes


@pytest.fixture
async def delivery(
    tmp_path: Path, vendors: FakeVendors
) -> AsyncIterator[LocalDelivery]:
    """A release that serves, with the old key of a service that knows the new one."""
    variables = {NAME: OLD, "HEALTH_OPENAI_BASE_URL": f"{vendors.url}/openai/v1"}
    async with local_delivery(tmp_path, variables=variables) as running:
        await deployed(running.platform, running.commit("first"))
        yield running


async def rotate(
    delivery: LocalDelivery, *words: str, value: str | bytes = NEW, name: str = NAME
) -> Finished:
    process = await asyncio.create_subprocess_exec(
        *(str(PM33), "env", "rotate", name, *ALONE, *words),
        cwd=delivery.home,
        env={**delivery.environ, **QUICK},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    given = value.encode() if isinstance(value, str) else value
    try:
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate(given)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    said = Finished(process.returncode or 0, out.decode(), err.decode())
    everything = said.out + said.err
    assert OLD not in everything
    assert NEW not in everything
    return said


async def today(delivery: LocalDelivery, name: str = NAME) -> str | None:
    return (await delivery.platform.variables()).get(name)


async def serves_with(delivery: LocalDelivery, name: str = NAME) -> str | None:
    (active,) = await delivery.active()
    return (await delivery.platform.variables(active.id)).get(name)


async def test_a_new_key_is_proven_set_deployed_and_verified(
    delivery: LocalDelivery, vendors: FakeVendors
) -> None:
    (before,) = await delivery.active()
    said = await rotate(delivery, "--json", value=f"{NEW}\n")

    assert said.code == 0, said.err
    assert said.err.startswith("environment development (from --environment)\n")
    assert "proof: openai has taken it" in said.err
    report: dict[str, Any] = json.loads(said.out)
    assert (report["ending"], report["variable"]) == ("done", NAME)
    assert "revoke the old OPENAI_API_KEY" in report["advice"][0]
    assert before.id in report["advice"][1]
    assert vendors.asked_of("openai")
    assert await today(delivery) == await serves_with(delivery) == NEW
    journal = next((delivery.home / "journal").glob("*.jsonl")).read_text()
    assert NEW not in journal
    assert OLD not in journal

    again = await rotate(delivery)
    assert again.code == 5
    assert "this value" in again.err


async def test_a_killed_rotation_goes_on_with_the_same_value_or_by_resume(
    delivery: LocalDelivery,
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(str(PM33), "env", "rotate", NAME, *ALONE, "--bake", "6"),
        cwd=delivery.home,
        env={**delivery.environ, **QUICK},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdin is not None
    process.stdin.write(NEW.encode())
    process.stdin.close()
    try:
        async with asyncio.timeout(PATIENCE):
            while await serves_with(delivery) != NEW:  # noqa: ASYNC110 - its process
                await asyncio.sleep(0.1)
    finally:
        process.kill()
        await process.wait()

    would = await rotate(delivery, "--dry-run")
    assert (would.code, "would be gone on with" in would.out) == (0, True), would.err
    said = await rotate(delivery, "--json")
    assert said.code == 0, said.err
    report: dict[str, Any] = json.loads(said.out)
    assert report["ending"] == "done"
    assert "revoke the old OPENAI_API_KEY" in report["advice"][0]
    assert await today(delivery) == await serves_with(delivery) == NEW


async def test_a_reason_that_says_nothing_is_none(delivery: LocalDelivery) -> None:
    said = await rotate(delivery, "--no-proof", " ")

    assert said.code == 2
    assert "wants a reason" in said.err
    assert await today(delivery) == OLD


async def test_a_value_in_the_place_of_the_name_is_not_repeated(
    delivery: LocalDelivery,
) -> None:
    said = await rotate(delivery, name=NEW.replace("-", "_"))

    assert said.code == 5, said.err
    assert NEW.replace("-", "_") not in said.out + said.err
    assert "is not set" in said.err


async def test_a_dry_run_proves_and_shows_the_plan_and_changes_nothing(
    delivery: LocalDelivery,
) -> None:
    said = await rotate(delivery, "--dry-run")

    assert said.code == 0, said.err
    assert f"sets: {NAME}" in said.out
    assert "proof: openai has taken it" in said.out
    assert len(await delivery.platform.deployments()) == 1
    assert await today(delivery) == OLD


async def test_a_key_that_the_service_refuses_is_never_set(
    delivery: LocalDelivery,
) -> None:
    said = await rotate(delivery, value="sk-proj-" + "wrong1Y" * 5)

    assert said.code == 5, said.err
    assert "is not proven" in said.err
    assert await today(delivery) == OLD


async def test_where_nobody_can_be_asked_somebody_has_to_say_why(
    delivery: LocalDelivery,
) -> None:
    values = {"HEALTH_OPENAI_BASE_URL": f"http://127.0.0.1:{closed_port()}"}
    await delivery.platform.set_variables(values, epoch=1)
    refused = await rotate(delivery)
    said = await rotate(delivery, "--no-proof", "no way out of here", "--dry-run")

    assert refused.code == 5
    assert "--no-proof" in refused.err
    assert ".;" not in refused.err
    assert said.code == 0, said.err
    assert "not proven: no way out of here" in said.out


async def test_a_signing_key_is_kept_as_the_previous_one(
    delivery: LocalDelivery,
) -> None:
    old, new = "pZ3vK9wQ7tX1mB5nL8cR2dF6gH0jS4yU", "9wQ7tX1mB5nL8cR2dF6gH0jS4yUpZ3vK"
    await delivery.platform.set_variables({"SECRET_KEY": old}, epoch=1)
    await deployed(delivery.platform, delivery.commit("signing"))
    said = await rotate(delivery, "--json", name="SECRET_KEY", value=new)

    assert said.code == 0, said.err
    assert await serves_with(delivery, "SECRET_KEY") == new
    assert await serves_with(delivery, "SECRET_KEY_PREVIOUS") == old
    rotated = await serves_with(delivery, "PM33_ROTATED")
    assert rotated is not None
    assert rotated.startswith("SECRET_KEY=20")
    assert "SECRET_KEY_PREVIOUS" in json.loads(said.out)["advice"][0]
    assert old not in said.out + said.err
    assert new not in said.out + said.err


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "no value"),
        (b" \n", "no value"),
        (b"\xff\xfe", "UTF-8"),
        (b"a\0b", "NUL"),
        (b"x" * 70_000, "longer"),
    ],
    ids=["nothing", "blanks", "binary", "NUL", "long"],
)
async def test_what_is_no_value_is_a_wrong_question(
    tmp_path: Path, value: bytes, why: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(str(PM33), "env", "rotate", NAME, *ALONE),
        env={"PM33_HOME": str(tmp_path)},
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE):
        _, err = await process.communicate(value)

    assert process.returncode == 2
    assert why in err.decode()


async def test_a_terminal_is_asked_twice_without_an_echo_and_may_still_say_no(
    delivery: LocalDelivery,
) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(str(PM33), "env", "rotate", NAME, *ALONE),
        env={**delivery.environ, **QUICK, "TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        async with asyncio.timeout(PATIENCE):
            seen = await asyncio.to_thread(_talk, ours)
            assert await process.wait() == 130
    finally:
        os.close(ours)
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert NEW not in seen
    assert "nothing was changed" in seen
    assert await today(delivery) == OLD


def _talk(terminal: int) -> str:
    """Answers each question as soon as it is asked; returns all that is seen."""
    answers = [("new value of", NEW), ("the same again", NEW), ("rotate it?", "n")]
    seen = ""
    while True:
        try:
            seen += os.read(terminal, 4096).decode()
        except OSError:  # the other end has closed it
            return seen
        if answers and answers[0][0] in seen:
            os.write(terminal, f"{answers.pop(0)[1]}\n".encode())
