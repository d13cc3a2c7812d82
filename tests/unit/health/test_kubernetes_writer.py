from typing import Any

import pytest

from app.backend.health.gate import FaultKind, GateFault, GateState
from app.backend.health.lifecycle import Stage
from app.backend.health.models import Status
from app.backend.health.overrides import OverrideKind
from app.backend.health.policies import POLICIES, excluding, single
from app.backend.health.snapshot import CheckView, Snapshot
from app.backend.health.writers import kubernetes
from app.backend.health.writers.wish import Wish
from tests.support.health import override_of, snapshot_of, view

PING = view("ping", Status.HEALTHY, critical=True)
BAD = view("bad", Status.UNHEALTHY, critical=True, message="this will fail")
WARNING = "warn: some health checks cannot be excluded: no matches for "


def text(snapshot: Snapshot, endpoint: str = "/detailed", **wishes: Any) -> str:
    wish = Wish(path=f"/api/health{endpoint}", **wishes)
    verdict = excluding(POLICIES[wish.path], wish.exclude)(snapshot)
    return kubernetes.encode(verdict, snapshot, wish).decode()


@pytest.mark.parametrize(
    ("views", "wishes", "expected"),
    [
        ([PING], {}, "ok"),
        ([PING], {"verbose": True}, "[+]ping ok\nhealthz check passed\n"),
        ([PING], {"exclude": ("dontexist",)}, "ok"),
        ([PING, BAD], {"exclude": ("bad",)}, "ok"),
        (
            [PING, BAD],
            {"verbose": True, "exclude": ("bad",)},
            "[+]ping ok\n[+]bad excluded: ok\nhealthz check passed\n",
        ),
        (
            [PING],
            {"verbose": True, "exclude": ("dontexist",)},
            f'[+]ping ok\n{WARNING}"dontexist"\nhealthz check passed\n',
        ),
        (
            [PING, BAD],
            {"verbose": True},
            "[+]ping ok\n[-]bad failed: reason withheld\nhealthz check failed\n",
        ),
        (
            [PING, BAD],
            {},
            "[+]ping ok\n[-]bad failed: reason withheld\nhealthz check failed\n",
        ),
    ],
)
def test_the_text_is_what_kube_apiservers_own_tests_expect(
    views: list[CheckView], wishes: dict[str, Any], expected: str
) -> None:
    """The table of ``testMultipleChecks`` in k8s.io/apiserver's healthz_test.go."""
    assert text(snapshot_of(*views), **wishes) == expected


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("", "healthz"),
        ("/live", "livez"),
        ("/ready", "readyz"),
        ("/startup", "startupz"),
    ],
)
def test_the_last_line_names_the_endpoint_as_theirs_are_named(
    endpoint: str, name: str
) -> None:
    assert text(snapshot_of(), endpoint, verbose=True) == f"{name} check passed\n"


@pytest.mark.parametrize("status", Status)
def test_a_check_that_does_not_turn_the_answer_is_ok_and_says_how_it_is(
    status: Status,
) -> None:
    told = text(snapshot_of(view("cache", status)), verbose=True)

    shown = "ok" if status is Status.HEALTHY else f"{status}: ok"
    assert told == f"[+]cache {shown}\nhealthz check passed\n"


def test_several_names_that_match_nothing_are_quoted_in_order() -> None:
    told = text(snapshot_of(PING), verbose=True, exclude=("b", 'a"\n[-]x', "b", "ping"))

    assert f'{WARNING}"a\\"\\n[-]x","b"\n' in told
    assert "[+]ping excluded: ok\n" in told


def test_a_message_cannot_look_like_another_line() -> None:
    forger = view(
        "bad", Status.UNHEALTHY, critical=True, message="x\n[+]ping ok\r\u2028[-]y"
    )

    lines = text(snapshot_of(forger), details=True).splitlines()

    assert lines == ["[-]bad failed: unhealthy: x [+]ping ok [-]y", lines[-1]]


@pytest.mark.parametrize(
    ("details", "reason"),
    [(False, "reason withheld"), (True, "stage:draining, override:not_ready")],
)
def test_what_blocks_a_replica_besides_checks_is_a_failed_line_of_its_own(
    reason: str, *, details: bool
) -> None:
    snapshot = snapshot_of(
        stage=Stage.DRAINING, overrides=(override_of(OverrideKind.NOT_READY),)
    )

    told = text(snapshot, "/ready", details=details)

    assert told == f"[-]replica failed: {reason}\nreadyz check failed\n"


def test_the_gate_names_checks_in_public_and_other_faults_to_who_may_see_them() -> None:
    kind = FaultKind.RELEASE
    faults = (
        GateFault(source="bad", kind=kind, message="no"),
        GateFault(source="PM33_MOUNT", kind=kind, message="no"),
    )
    snapshot = snapshot_of(PING, BAD, gate=GateState(faults=faults))

    public = text(snapshot, "/startup")
    told = text(snapshot, "/startup", details=True)

    assert public == (
        "[-]bad failed: reason withheld\n[-]replica failed: reason withheld\n"
        "startupz check failed\n"
    )
    assert "[-]replica failed: release:PM33_MOUNT\n" in told


@pytest.mark.parametrize(("one", "ok"), [(PING, True), (BAD, False)])
def test_one_check_is_told_like_all(one: CheckView, *, ok: bool) -> None:
    snapshot = snapshot_of(PING, BAD)
    wish = Wish(path=f"/api/health/checks/{one.name}")

    told = kubernetes.encode(single(snapshot, one.name), snapshot, wish).decode()

    assert (told == "ok") is ok
    assert ("healthz check failed" in told) is not ok
