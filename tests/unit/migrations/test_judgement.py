import json
import socket
import ssl
from dataclasses import replace

import asyncpg
import pytest

from app.backend.database.schema_heads import EXPAND_HEAD, REVISIONS
from app.backend.database.schema_state import SchemaState, judge_schema
from app.backend.migrations.judgement import (
    is_outage,
    may_carry_out,
    may_upgrade,
    may_upgrade_on_deploy,
)
from app.backend.migrations.planning.hashing import pending_work, plan_hash_of
from app.backend.migrations.revisions import heads, pending_revisions
from app.backend.migrations.running.begun import Begun
from app.errors import PreflightError, SchemaIncompatibleError, TargetError

BEHIND = judge_schema([REVISIONS[0]], [])
CURRENT = judge_schema([EXPAND_HEAD], [])
AHEAD = judge_schema(["9999"], [])
GONE = judge_schema(["9999"], ["9999"])
SCHEMA = "a fingerprint"
PLAN = plan_hash_of(BEHIND.applied, pending_work(BEHIND.applied), SCHEMA)


BEGUN = replace(Begun.of(PLAN, BEHIND, SCHEMA), unfinished=True)
HALF = judge_schema([REVISIONS[1]], [])


@pytest.mark.parametrize("plan", [None, PLAN, "an old one"])
@pytest.mark.parametrize("expand", [True, False])
@pytest.mark.parametrize("state", [CURRENT, AHEAD], ids=lambda one: one.position)
def test_a_schema_that_is_there_or_ahead_is_never_refused(
    state: SchemaState, plan: str | None, *, expand: bool
) -> None:
    assert not may_upgrade_on_deploy(state, SCHEMA, plan=plan, expand=expand)


@pytest.mark.parametrize(("plan", "expand"), [(PLAN, False), (None, True)])
def test_a_schema_that_is_behind_needs_its_plan_or_a_word(
    plan: str | None, *, expand: bool
) -> None:
    assert may_upgrade_on_deploy(BEHIND, SCHEMA, plan=plan, expand=expand)


@pytest.mark.parametrize(
    ("plan", "expand", "says"),
    [
        (None, False, "nobody has planned"),
        ("an old one", False, "no longer"),
        ("an old one", True, "no longer"),
    ],
)
def test_a_schema_that_is_behind_is_refused_without_them(
    plan: str | None, says: str, *, expand: bool
) -> None:
    with pytest.raises(PreflightError, match=says) as caught:
        may_upgrade_on_deploy(BEHIND, SCHEMA, plan=plan, expand=expand)
    assert caught.value.exit_code == 5
    assert caught.value.remedy
    assert EXPAND_HEAD in str(caught.value)


def test_a_release_that_cannot_live_with_the_schema_is_refused() -> None:
    with pytest.raises(SchemaIncompatibleError):
        may_upgrade(GONE)
    with pytest.raises(SchemaIncompatibleError):
        may_upgrade_on_deploy(GONE, SCHEMA, plan=PLAN, expand=True)


def test_pending_is_what_an_upgrade_would_run_in_its_order() -> None:
    assert [one.id for one in pending_revisions(())] == list(REVISIONS)
    (last,) = pending_revisions([REVISIONS[-2]])
    assert (last.id, last.phase, last.file) == (
        EXPAND_HEAD,
        "expand",
        f"{EXPAND_HEAD}.py",
    )
    assert last.message
    assert "source" not in last.to_dict()
    assert pending_revisions([EXPAND_HEAD]) == ()
    assert pending_revisions(["9999"]) == ()


def test_all_heads_are_reached_while_there_is_only_one_branch() -> None:
    assert heads() == (EXPAND_HEAD, REVISIONS)
    assert pending_revisions((), "heads") == pending_revisions((), "expand@head")


def test_a_plan_that_was_made_for_another_schema_is_refused() -> None:
    with pytest.raises(PreflightError, match="no longer"):
        may_upgrade_on_deploy(BEHIND, "another", plan=PLAN, expand=True)


@pytest.mark.parametrize(
    ("cause", "outage"),
    [
        (ConnectionRefusedError(), True),
        (TimeoutError(), True),
        (FileNotFoundError("the socket"), True),
        (socket.gaierror(socket.EAI_AGAIN, "later"), True),
        (asyncpg.CannotConnectNowError(), True),
        (asyncpg.TooManyConnectionsError(), True),
        (asyncpg.AdminShutdownError(), True),
        (socket.gaierror(socket.EAI_NONAME, "never"), False),
        (ssl.SSLError(), False),
        (asyncpg.InvalidPasswordError(), False),
        (asyncpg.InvalidCatalogNameError(), False),
        (UnicodeError(), False),
        (None, False),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else str(one),
)
def test_an_outage_is_told_from_a_wrong_setting(
    cause: Exception | None, *, outage: bool
) -> None:
    assert is_outage(cause) is outage


@pytest.mark.parametrize("name", ["nope", "no@head", "0001_ops_tables:heads"])
def test_a_revision_that_is_not_there_is_a_wrong_question(name: str) -> None:
    with pytest.raises(TargetError) as caught:
        pending_revisions((), name)
    assert "expand@head" in caught.value.remedy


def test_a_plan_that_is_named_is_carried_out_as_long_as_it_is_the_same() -> None:
    assert may_carry_out(BEHIND, SCHEMA, plan=PLAN)
    assert not may_carry_out(CURRENT, SCHEMA, plan="any")
    assert not may_carry_out(AHEAD, SCHEMA, plan="any")
    with pytest.raises(PreflightError, match="those of the plan") as caught:
        may_carry_out(BEHIND, "another", plan=PLAN)
    assert "PM33_MIGRATION_PLAN" not in str(caught.value)
    assert "`pm33 migrate plan`" in caught.value.remedy


@pytest.mark.parametrize("state", [BEHIND, HALF], ids=["none", "some"])
def test_a_plan_goes_on_with_what_its_own_run_has_left(state: SchemaState) -> None:
    begun = Begun.read(json.loads(json.dumps(BEGUN.to_dict())))
    assert begun == replace(BEGUN, unfinished=False)
    assert may_carry_out(state, "half done", BEGUN, plan=PLAN)
    assert may_upgrade_on_deploy(state, "half done", BEGUN, plan=PLAN, expand=False)
    assert may_carry_out(HALF, "half done", begun, plan=PLAN)


@pytest.mark.parametrize(
    ("begun", "state"),
    [
        pytest.param(None, HALF, id="nothing is known"),
        pytest.param(replace(BEGUN, plan="another"), HALF, id="another plan"),
        pytest.param(replace(BEGUN, fingerprint="x"), HALF, id="another schema"),
        pytest.param(Begun.of(PLAN, HALF, SCHEMA), HALF, id="other rows"),
        pytest.param(replace(BEGUN, applied={}), HALF, id="another source"),
        pytest.param(BEGUN, judge_schema([], []), id="less than it began with"),
        pytest.param(
            replace(BEGUN, unfinished=False), BEHIND, id="nothing was left behind"
        ),
    ],
)
def test_a_plan_does_not_go_on_with_what_others_have_left(
    begun: Begun | None, state: SchemaState
) -> None:
    with pytest.raises(PreflightError):
        may_carry_out(state, "half done", begun, plan=PLAN)
    with pytest.raises(PreflightError):
        may_upgrade_on_deploy(state, "half done", begun, plan=PLAN, expand=True)
