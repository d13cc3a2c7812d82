"""The example of docs/extending.md, served, and what health learns from its calls."""

import re
from pathlib import Path

import pytest

from tests.support.fake_vendors import FakeVendors, fake_vendors
from tests.support.service import TOKEN, Service, served_service
from tests.support.vendor_traffic import MESSAGES, NO_CREDIT, message, saying
from tests.support.vendor_voices import KEYS

DOCS = Path(__file__).resolve().parents[2] / "docs" / "extending.md"


def write_example(folder: Path) -> None:
    """The module that the page shows."""
    text = DOCS.read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n# myapp/answers\.py\n(.*?)```", text, re.DOTALL)
    (folder / "myapp").mkdir()
    (folder / "myapp" / "answers.py").write_text(code, encoding="utf-8")


def variables_of(fakes: FakeVendors, folder: Path) -> dict[str, str]:
    return fakes.variables() | {
        "PM33_MOUNT": "myapp.answers:app",
        "PYTHONPATH": str(folder),
        "HEALTH_ANTHROPIC_PERIOD": "0.5",
        "HEALTH_ANTHROPIC_BUDGET": "0",
    }


async def ask(service: Service) -> tuple[int, str]:
    answer = await service.http.post("/answers", content="Who are you?")
    return answer.status_code, answer.text


async def test_the_example_answers_and_real_errors_turn_the_check_and_back(
    tmp_path: Path,
) -> None:
    write_example(tmp_path)
    async with fake_vendors() as fakes:
        fakes.routes[MESSAGES] = saying(message(text="I am Claude."))
        variables = variables_of(fakes, tmp_path)
        async with served_service(tmp_path, **variables) as service:
            assert await ask(service) == (200, '{"text":"I am Claude."}')
            await service.check_becomes("anthropic", status="healthy")

            fakes.routes[MESSAGES] = saying(NO_CREDIT)
            assert (await ask(service))[0] == 500
            # The list of models is as it was.
            turned = await service.check_becomes("anthropic", status="degraded")
            fakes.routes[MESSAGES] = saying(message())
            assert (await ask(service))[0] == 200
            await service.check_becomes("anthropic", status="healthy")
            told = service.child.output()
            for path in ("/api/health", "/api/health/detailed?why", "/metrics"):
                told += (await service.get(path, token=TOKEN)).text

    assert (turned["failure"], turned["data"]["source"]) == ("quota", "traffic")
    assert "no credit is left" in turned["message"]
    assert not [key for key in KEYS.values() if key in told]


@pytest.mark.full
async def test_the_example_says_when_to_come_back(tmp_path: Path) -> None:
    write_example(tmp_path)
    async with fake_vendors() as fakes:
        fakes.routes[MESSAGES] = saying(message())
        variables = variables_of(fakes, tmp_path)
        variables["PM33_LIMIT_ANTHROPIC_REQUESTS"] = "1"
        async with served_service(tmp_path, **variables) as service:
            assert (await ask(service))[0] == 200
            answer = await service.http.post("/answers", content="And again?")

    assert answer.status_code == 503
    assert 50 < int(answer.headers["retry-after"]) <= 61
    assert "anthropic" in answer.json()["detail"]


@pytest.mark.full
async def test_while_calls_succeed_the_vendor_is_asked_rarely(tmp_path: Path) -> None:
    write_example(tmp_path)
    async with fake_vendors() as fakes:
        fakes.routes[MESSAGES] = saying(message())
        variables = variables_of(fakes, tmp_path)
        async with served_service(tmp_path, **variables) as service:
            await service.has_result("anthropic")
            await ask(service)
            before = len(fakes.asked_of("anthropic"))
            results: set[str] = set()
            while len(results) < 8:
                await ask(service)
                view = await service.check("anthropic")
                assert view["status"] == "healthy"
                results.add(view["checked_at"])
            after = len(fakes.asked_of("anthropic"))

    assert after - before <= 2
