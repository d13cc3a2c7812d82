"""What holds for every format, and the golden file of each."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from typing_extensions import override

from app.backend.health.lifecycle import Stage
from app.backend.health.models import Status
from app.backend.health.overrides import OverrideKind
from app.backend.health.pages import Page, page_of
from app.backend.health.policies import POLICIES, excluding
from app.backend.health.snapshot import Snapshot
from app.backend.health.writers import openmetrics
from app.backend.health.writers.formats import FORMATS, Format
from app.backend.health.writers.looks import COLOURS
from app.backend.health.writers.wish import Wish
from app.backend.monitoring.metrics import expose
from tests.support.golden import assert_golden
from tests.support.health import EPOCH, override_of, snapshot_of, view
from tests.support.night import CANARIES, READ_AT, calm, night

GOLDEN = Path(__file__).parent / "golden"
BY_NAME = {one.names[0]: one for one in FORMATS}
SUFFIXES = {"json": "json", "health": "json", "html": "html", "badge": "svg"}
ENDPOINTS = ("", "/detailed", "/live", "/ready", "/startup")


def page(
    form: str, snapshot: Snapshot, endpoint: str = "/detailed", **wishes: Any
) -> Page:
    path = f"/api/health{endpoint}"
    wish = Wish(path=path, now=READ_AT, **wishes)
    verdict = excluding(POLICIES[path], wish.exclude)(snapshot)
    return page_of(verdict, snapshot, wish, BY_NAME[form])


def readable(body: bytes) -> bytes:
    """JSON on many lines, in its own order, for whoever reads a difference."""
    return json.dumps(json.loads(body), indent=1, ensure_ascii=False).encode() + b"\n"


def text(form: str, snapshot: Snapshot, endpoint: str = "/detailed", **w: Any) -> str:
    return page(form, snapshot, endpoint, **w).body.decode()


@pytest.mark.parametrize("form", BY_NAME)
@pytest.mark.parametrize(
    ("name", "snapshot", "details"),
    [("calm", calm(), False), ("night", night(), False), ("night-told", night(), True)],
    ids=["calm", "night", "night told"],
)
def test_a_format_is_what_its_golden_file_says(
    form: str, name: str, snapshot: Snapshot, *, details: bool
) -> None:
    file = GOLDEN / f"{form}-{name}.{SUFFIXES.get(form, 'txt')}"
    written = page(form, snapshot, details=details, why=details, verbose=True)

    assert_golden(
        file, readable(written.body) if file.suffix == ".json" else written.body
    )


@pytest.mark.parametrize(("name", "snapshot"), [("calm", calm()), ("night", night())])
def test_openmetrics_are_what_their_golden_file_says(
    name: str, snapshot: Snapshot
) -> None:
    labels = {"release": "c0ffee", "replica": "r-1"}

    written = expose(openmetrics.families(snapshot, 100.0), labels)

    assert_golden(GOLDEN / f"openmetrics-{name}.txt", written)


@pytest.mark.parametrize("form", BY_NAME)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("stage", Stage)
def test_the_code_and_the_connection_are_the_same_in_every_format(
    form: str, endpoint: str, stage: Stage
) -> None:
    for snapshot in (
        snapshot_of(*night().checks.values(), stage=stage),
        snapshot_of(*calm().checks.values(), stage=stage),
    ):
        one, usual = (page(name, snapshot, endpoint) for name in (form, "json"))

        assert one.status == usual.status
        headers = dict(one.headers)
        assert headers[b"cache-control"] == b"no-store"
        assert headers[b"content-length"] == b"%d" % len(one.body)
        assert headers.get(b"connection") == dict(usual.headers).get(b"connection")


@pytest.mark.parametrize("form", BY_NAME)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_no_format_tells_the_public_what_a_check_or_an_operator_wrote(
    form: str, endpoint: str
) -> None:
    told = text(form, night(), endpoint, verbose=True)

    for hidden in ("message", "remedy", "data&lt;", "data<", "reason", "mute"):
        assert hidden not in told.replace("reason withheld", "")


@pytest.mark.parametrize("form", ["json", "health", "html", "text"])
def test_who_may_see_details_sees_them_in_every_format(form: str) -> None:
    told = text(form, night(), details=True, verbose=True)

    assert "message" in told
    assert "remedy" in told


@pytest.mark.parametrize("form", BY_NAME)
@pytest.mark.parametrize("broken", ["\udcff", "\x00", "\u2028", "naïve 🚑", '"\\'])
def test_text_of_any_kind_can_be_written(form: str, broken: str) -> None:
    odd = view(
        "database",
        Status.UNHEALTHY,
        critical=True,
        message=broken,
        remedy=broken,
        data={broken: broken},
    )

    assert page(form, snapshot_of(odd), details=True).body.decode()


@pytest.mark.parametrize("form", BY_NAME)
def test_what_a_snapshot_holds_is_written_the_same_each_time(form: str) -> None:
    assert page(form, night()) == page(form, night())


@pytest.mark.parametrize("form", ["json", "health", "html", "text"])
def test_an_excluded_check_neither_counts_nor_fails_in_any_format(form: str) -> None:
    without = page(form, night(), exclude=("database",), verbose=True)

    assert page(form, night()).status == 503
    assert without.status == 200
    assert b"timeout" not in without.body


@pytest.mark.parametrize("form", ["json", "health"])
def test_announced_maintenance_is_told(form: str) -> None:
    planned = override_of(OverrideKind.MAINTENANCE, reason="canary", until=EPOCH)
    snapshot = snapshot_of(overrides=(planned,))

    assert "2026-01-01T00:00:00.000+00:00" in text(form, snapshot)
    assert "canary" not in text(form, snapshot)
    assert json.loads(text(form, snapshot))


class Tags(HTMLParser):
    """Checks that tags are closed in order; remembers elements and attributes."""

    VOID = ("meta", "link")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[str] = []
        self.attributes: list[str] = []
        self.feed(page)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("details", [False, True])
def test_the_page_is_well_formed_small_and_without_scripts(
    endpoint: str, *, details: bool
) -> None:
    written = text("html", night(), endpoint, details=details, root='/a"><script>')
    tags = Tags(written)

    assert tags.open == []
    assert len(written) < 10_000
    assert "script" not in tags.elements
    assert not [canary for canary in CANARIES if canary in written and "<" in canary]
    assert not [name for name in tags.attributes if name.startswith("on")]
    assert {"viewport", "refresh"} <= {*re.findall(r'="([a-z]+)" content', written)}


def test_the_page_names_the_worst_check_first() -> None:
    names = re.findall(r"<h2>\S+ (\w+): (\w+)</h2>", text("html", night()))

    assert names[:2] == [("database", "unhealthy"), ("cache", "unhealthy")]
    severities = [Status(status).severity for _, status in names]
    assert severities == sorted(severities, reverse=True)


@pytest.mark.parametrize("details", [False, True])
def test_the_page_tells_of_a_vendors_incident_whoever_may_see_details(
    *, details: bool
) -> None:
    told = {"incident": {"title": "Errors <everywhere>", "impact": "major"}}
    snapshot = snapshot_of(view("openai", Status.HEALTHY, data=told))
    written = text("html", snapshot, details=details)

    assert ("status page: Errors &lt;everywhere&gt; (major)<" in written) is details


def test_the_pages_own_style_is_all_that_a_browser_may_use() -> None:
    headers = dict(page("html", calm()).headers)
    policy = headers[b"content-security-policy"].decode()

    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert headers[b"x-content-type-options"] == b"nosniff"


def test_the_page_links_below_where_the_service_is_mounted() -> None:
    assert 'href="/ops/api/health/detailed"' in text("html", calm(), root="/ops")


@pytest.mark.parametrize("status", Status)
def test_the_badge_is_a_picture_of_the_status(status: Status) -> None:
    written = text("badge", snapshot_of(view("database", status, critical=True)))
    picture = ET.fromstring(written)  # noqa: S314 - our own

    shown = Status.HEALTHY if status is Status.SKIPPED else status
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert picture.get("aria-label") == f"detailed: {shown}"
    assert COLOURS[shown] in written


@pytest.mark.parametrize("colour", COLOURS.values())
def test_white_can_be_read_on_every_colour(colour: str) -> None:
    """The contrast of WCAG 2.2."""

    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(colour[at : at + 2], 16)) for at in (1, 3, 5))
    assert 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05) >= 4.5


def test_names_and_media_types_of_formats_are_unique() -> None:
    names = [name for one in FORMATS for name in one.names]
    assert len(names) == len(set(names))
    assert len({one.media_type for one in FORMATS}) == len(FORMATS)
    assert all(isinstance(one, Format) for one in FORMATS)
