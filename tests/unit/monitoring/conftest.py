"""Logging as each environment configures it."""

from collections.abc import Iterator

import pytest

from tests.support.canary import PRODUCTION
from tests.support.captured_logs import CapturedLogs, captured_logs


@pytest.fixture
def logs() -> Iterator[CapturedLogs]:
    with captured_logs(PRODUCTION) as captured:
        yield captured


@pytest.fixture
def console() -> Iterator[CapturedLogs]:
    with captured_logs(PRODUCTION | {"ENVIRONMENT": "development"}) as captured:
        yield captured
