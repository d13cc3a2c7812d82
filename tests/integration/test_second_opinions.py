"""Vendors as others have written them: what they say has the class that it should.

``aimock`` is of npm (``npm install -g @copilotkit/aimock``), and its cells are skipped
where nobody has installed it. Its faults on demand are for completions alone, so that
for lists of models it can be asked for 200 and 401 only.
"""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.backend.config.environment import Config, read_config
from app.backend.health.checks.vendor import Asking
from app.backend.health.checks.vendor_pool import VendorPool
from app.backend.health.checks.vendor_sdks import sdk_asking
from app.backend.health.checks.vendors import VENDORS
from app.backend.health.models import CheckResult, Failure
from tests.support.processes import start
from tests.support.vendor_voices import KEYS

pytestmark = pytest.mark.full

DEADLINE = 20.0
BY_NAME = {vendor.name: vendor for vendor in VENDORS}
# Its own command listens on every interface.
LOCALSTRIPE = """if True:
    import socket
    from aiohttp import web
    from localstripe.server import app
    listener = socket.create_server(("127.0.0.1", 0))
    print(f"listening on 127.0.0.1:{listener.getsockname()[1]}", flush=True)
    web.run_app(app, sock=listener, print=None)
"""
RUN = "import os, sys; os.execv(sys.argv[1], sys.argv[1:])"
AIMOCK = shutil.which("llmock")


@pytest.fixture
async def stripes(tmp_path: Path) -> AsyncIterator[str]:
    with start(["-c", LOCALSTRIPE], output=tmp_path / "localstripe.log") as child:
        yield f"http://127.0.0.1:{await child.port()}"


@pytest.fixture
async def models(tmp_path: Path) -> AsyncIterator[str]:
    (tmp_path / "none.json").write_text('{"fixtures": []}', encoding="utf-8")
    arguments = ["-c", RUN, AIMOCK or "", "--port", "0", "--fixtures", str(tmp_path)]
    keys = {"AIMOCK_API_KEYS": f"{KEYS['openai']},{KEYS['anthropic']}"}
    with start(arguments, output=tmp_path / "aimock.log", env=keys) as child:
        yield f"http://127.0.0.1:{await child.port()}"


async def judged(name: str, asking: Asking, config: Config) -> CheckResult:
    read = BY_NAME[name].read(config)
    assert read is not None
    try:
        answer = await asking.ask(read, timeout=DEADLINE)
    finally:
        await asking.close()
    return BY_NAME[name].judge(answer, config)


@pytest.mark.parametrize(
    ("environment", "key", "failure"),
    [
        ("staging", KEYS["stripe"], None),
        ("production", KEYS["stripe"], Failure.WRONG_MODE),
        ("staging", "pk_test_1234567890", Failure.AUTH),
    ],
)
async def test_localstripe_is_judged_as_stripe_is(
    stripes: str, environment: str, key: str, failure: Failure | None
) -> None:
    config = read_config(
        {
            "ENVIRONMENT": environment,
            "STRIPE_SECRET_KEY": key,
            "HEALTH_STRIPE_BASE_URL": stripes,
        }
    )
    result = await judged("stripe", VendorPool(), config)
    assert result.failure is failure
    assert key not in repr(result)


@pytest.mark.skipif(AIMOCK is None, reason="aimock (npm) is not installed")
@pytest.mark.parametrize(("stale", "failure"), [("", None), ("x", Failure.AUTH)])
@pytest.mark.parametrize("probe", ["http", "sdk"])
@pytest.mark.parametrize("name", ["openai", "anthropic"])
async def test_aimock_is_judged_as_openai_and_anthropic_are(
    models: str, name: str, probe: str, stale: str, failure: Failure | None
) -> None:
    config = read_config(
        {
            f"{name.upper()}_API_KEY": KEYS[name] + stale,
            f"HEALTH_{name.upper()}_BASE_URL": models,
        }
    )
    asking: Asking = VendorPool()
    if probe == "sdk":
        asking = sdk_asking(name, config, DEADLINE)
    result = await judged(name, asking, config)
    assert result.failure is failure
    assert KEYS[name] not in repr(result)
