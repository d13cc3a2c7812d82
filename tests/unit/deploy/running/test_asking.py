"""What is asked of a platform again, when, and for how long."""

from pathlib import Path

import pytest

from app.backend.deploy.running.asking import ask
from app.errors import PlatformUnreachableError, RateLimitedError
from tests.support.delivery import Delivery


class Answering:
    """Fails as it is told, and then answers; notes when it was asked."""

    def __init__(self, delivery: Delivery, *errors: Exception) -> None:
        self.clock = delivery.tools.clock
        self.errors = list(errors)
        self.asked: list[float] = []

    async def __call__(self) -> str:
        self.asked.append(self.clock.time())
        if self.errors:
            raise self.errors.pop(0)
        return "fine"


def limited(seconds: float) -> RateLimitedError:
    return RateLimitedError("too many", retry_after=seconds)


async def test_a_limit_is_waited_for_and_not_asked_against(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path)
    answering = Answering(delivery, limited(40.0), limited(50.0))
    assert await ask(delivery.tools, "deploy", answering) == "fine"
    began = answering.asked[0]
    assert [at - began for at in answering.asked] == [0.0, 40.0, 90.0]


async def test_a_limit_of_an_hour_is_not_waited_for(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path)
    answering = Answering(delivery, limited(3000.0))
    with pytest.raises(RateLimitedError):
        await ask(delivery.tools, "deploy", answering)
    assert len(answering.asked) == 1


async def test_silence_is_given_half_a_minute(tmp_path: Path) -> None:
    delivery = Delivery(tmp_path)
    answering = Answering(delivery, *[PlatformUnreachableError("away")] * 50)
    with pytest.raises(PlatformUnreachableError):
        await ask(delivery.tools, "deploy", answering)
    assert 30.0 <= answering.asked[-1] - answering.asked[0] < 35.0
