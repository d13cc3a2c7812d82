import json
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from app.backend.deploy.platforms.local import caddy
from app.backend.deploy.platforms.local.caddy_config import ProxyPlaces, proxy_config
from app.errors import PlatformError

PLACES = ProxyPlaces(
    config=Path("/h/platform/caddy.json"),
    log=Path("/h/platform/caddy.log"),
    access_log=Path("/h/platform/access.log"),
    admin=Path("/r/admin.sock"),
    active=Path("/r/active"),
)


def server(host: str = "127.0.0.1", port: int = 8000) -> dict[str, Any]:
    config = proxy_config(PLACES, host=host, port=port)
    made: dict[str, Any] = config["apps"]["http"]["servers"]["service"]
    return made


def test_every_slot_is_dialled_below_the_active_folder() -> None:
    balance = server()["routes"][0]["handle"][-1]

    assert [one["dial"] for one in balance["upstreams"]] == [
        f"unix/{{file./r/active}}/{slot}.sock" for slot in range(12)
    ]


def test_nothing_in_it_depends_on_a_release() -> None:
    assert "deployment" not in json.dumps(proxy_config(PLACES, host="::1", port=1))


@pytest.mark.parametrize(
    ("host", "listen"),
    [
        ("127.0.0.1", "127.0.0.1:8000"),
        ("localhost", "localhost:8000"),
        ("::1", "[::1]:8000"),
        ("[::1]", "[::1]:8000"),
    ],
)
def test_it_listens_where_it_is_told(host: str, listen: str) -> None:
    assert server(host)["listen"] == [listen]


def test_it_is_told_over_a_private_socket_and_keeps_nothing() -> None:
    config = proxy_config(PLACES, host="127.0.0.1", port=8000)

    assert config["admin"] == {
        "listen": "unix//r/admin.sock|0600",
        "config": {"persist": False},
    }
    assert server()["automatic_https"] == {"disable": True}


@pytest.mark.parametrize("field", ["log", "access_log", "admin", "active"])
@pytest.mark.parametrize("path", ["/h/{x}/f", "/h/a|b/f"])
def test_a_path_that_caddy_would_misread_is_refused(field: str, path: str) -> None:
    assert field in {one.name for one in fields(ProxyPlaces)}
    places = replace(PLACES, **{field: Path(path)})

    with pytest.raises(PlatformError, match="braces or bars") as refused:
        proxy_config(places, host="127.0.0.1", port=8000)

    assert "PM33_HOME" in refused.value.remedy


def test_the_remedy_names_the_version_that_is_tested() -> None:
    root = Path(__file__).parents[5]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]

    assert caddy.PACKAGE in project["optional-dependencies"]["embedded"]
