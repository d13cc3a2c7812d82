from pathlib import Path

import pytest

from tests.support.delivery import Delivery
from tests.support.rotating import NAME, OLD


@pytest.fixture
async def delivery(tmp_path: Path) -> Delivery:
    """An older release, and one that serves with the old value."""
    one = Delivery(tmp_path)
    one.platform.given(**{NAME: OLD})
    await one.good("older")
    await one.good("serving")
    return one
