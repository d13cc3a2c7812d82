"""What every test may ask for."""

import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator

import hypothesis
import hypothesis.strategies
import pytest

from app.backend.database.embedded import EmbeddedServer
from tests.support.postgres import fresh_database, session_server

# The quick tier's sample of each property is the same for everybody.
hypothesis.settings.register_profile(
    "quick", max_examples=30, derandomize=True, deadline=None
)


def pytest_configure(config: pytest.Config) -> None:
    # A script's shell has what it starts with & ignore Ctrl-C, and children inherit it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if "not full" in config.option.markexpr:
        hypothesis.settings.load_profile("quick")


# After Hypothesis' own, which says that it may be used from here on.
@pytest.hookimpl(trylast=True)
def pytest_sessionstart() -> None:
    # The first text on a machine makes a table of all characters, which takes longer
    # than the first examples of a property may.
    hypothesis.strategies.text().validate()


def pytest_xdist_auto_num_workers() -> int | None:
    """Three for two cores: tests wait for processes half of their time."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    here = getattr(os, "sched_getaffinity", None)
    cores = len(here(0)) if here else os.cpu_count() or 1
    return cores + (cores + 1) // 2


@pytest.fixture(autouse=True)
def own_logger() -> Iterator[None]:
    """install() gives our logger a handler, which the process keeps."""
    own = logging.getLogger("pm33")
    kept = (list(own.handlers), own.level, own.propagate)
    yield
    own.handlers[:], own.propagate = kept[0], kept[2]
    own.setLevel(kept[1])


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    with session_server() as server:
        yield server


@pytest.fixture
async def database_url(postgres: EmbeddedServer) -> AsyncIterator[str]:
    async with fresh_database(postgres) as url:
        yield url
