from collections.abc import Iterator

import pytest

from tests.support.canned_http import CannedService, canned_service
from tests.support.captured_logs import captured_logs


@pytest.fixture
def own_logging() -> Iterator[None]:
    """The command takes logging over, and the test's process goes on."""
    with captured_logs({}):
        yield


@pytest.fixture
def anthropic() -> Iterator[CannedService]:
    with canned_service() as service:
        service.headers = {"content-type": "application/json"}
        yield service.answers({"data": [{"id": "claude"}]})
