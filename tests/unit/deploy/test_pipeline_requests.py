"""What only the platform's edge knows of a release that has turned bad."""

from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from app.backend.deploy.platforms.base import LogLine
from app.backend.deploy.report import Ending
from app.errors import PlatformError
from tests.support.delivery import Delivery
from tests.support.memory_platform import MemoryPlatform
from tests.support.memory_state import BEGIN


class LoggingPlatform(MemoryPlatform):
    """Its edge logs requests, or refuses to show them."""

    refuses = False

    @override
    async def http_logs(
        self, deployment: str, *, failed: bool = False, limit: int = 20
    ) -> Sequence[LogLine] | None:
        if self.refuses:
            raise PlatformError("not yours")
        assert failed
        lines = [LogLine(BEGIN, "1", f"POST /pay 502 {n} ms") for n in range(9)]
        return lines[-limit:]


def delivery_over(folder: Path) -> tuple[Delivery, LoggingPlatform]:
    delivery = Delivery(folder)
    platform = LoggingPlatform(folder / "platform.json")
    delivery.platform = platform
    delivery.renew()
    return delivery, platform


async def test_the_newest_failed_requests_stand_below_the_last_lines(
    tmp_path: Path,
) -> None:
    delivery, _ = delivery_over(tmp_path)
    await delivery.good("one")
    report = await delivery.deploy(delivery.commit("bad", good=False))
    assert report.ending is Ending.ROLLED_BACK
    assert len(report.log) == 25
    assert report.log[-1] == "edge POST /pay 502 8 ms"
    assert report.log[-6].endswith(f"line 29 of {report.deployment}")


async def test_where_they_are_not_shown_nothing_is_missing_but_they(
    tmp_path: Path,
) -> None:
    delivery, platform = delivery_over(tmp_path)
    platform.refuses = True
    await delivery.good("one")
    report = await delivery.deploy(delivery.commit("bad", good=False))
    assert report.ending is Ending.ROLLED_BACK
    assert len(report.log) == 20
