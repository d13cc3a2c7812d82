"""No order of events brings a service into a state that Railway does not have."""

from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.support.railway.lifecycle import (
    NEXT,
    Happening,
    ImpossibleError,
    Status,
    follow,
)
from tests.support.railway.roster import Roster

FINAL = {Status.FAILED, Status.SKIPPED, Status.REMOVED}


class Service(RuleBasedStateMachine):
    """Deployments come in any order, and anything that may happen to them does."""

    def __init__(self) -> None:
        super().__init__()
        self.roster = Roster()
        self.numbers = count(1)
        self.ended: dict[str, Status] = {}

    def choose(self, data: st.DataObject, *statuses: Status) -> str | None:
        entries = self.roster.entries
        fitting = [one for one in entries if entries[one].status in statuses]
        return data.draw(st.sampled_from(fitting)) if fitting else None

    def happens(self, data: st.DataObject, happening: Happening) -> None:
        fitting = [status for status, what in NEXT if what is happening]
        one = self.choose(data, *fitting)
        if one is not None:
            self.roster = self.roster.after(one, happening)

    @rule()
    def somebody_deploys(self) -> None:
        self.roster = self.roster.created(f"d{next(self.numbers)}")

    @rule(
        data=st.data(),
        what=st.sampled_from(sorted(set(Happening) - {Happening.PASSED})),
    )
    def something_happens(self, data: st.DataObject, what: Happening) -> None:
        self.happens(data, what)

    @precondition(lambda self: Status.DEPLOYING in self.statuses())
    @rule(data=st.data(), overlaps=st.booleans())
    def one_passes(self, data: st.DataObject, *, overlaps: bool) -> None:
        one = self.choose(data, Status.DEPLOYING)
        assert one is not None
        before = self.roster.serving
        self.roster, over = self.roster.activated(one)
        if before is not None and not overlaps:
            self.roster = self.roster.after(before, Happening.RETIRED)
            assert self.roster.active == (one,)
        assert self.roster.serving == one
        assert all(self.roster.status(o) is Status.REMOVING for o in over)

    @rule(data=st.data())
    def a_newer_one_overtakes(self, data: st.DataObject) -> None:
        one = self.choose(data, Status.BUILDING, Status.DEPLOYING)
        if one is not None:
            for older in self.roster.overtaken_by(one):
                self.roster = self.roster.after(older, Happening.DROPPED)
            assert self.roster.unfinished[0] == one

    def statuses(self) -> set[Status]:
        return {entry.status for entry in self.roster.entries.values()}

    @invariant()
    def one_serves_and_one_leaves_at_most(self) -> None:
        leaving = [self.roster.entries[one].leaving for one in self.roster.active]
        assert leaving.count(False) <= 1
        assert leaving.count(True) <= 1

    @invariant()
    def what_serves_has_become_active_last(self) -> None:
        if (serving := self.roster.serving) is not None:
            assert serving == self.roster.active[0]

    @invariant()
    def what_has_ended_stays_so(self) -> None:
        for one, status in self.ended.items():
            assert self.roster.status(one) is status
        now = {one: entry.status for one, entry in self.roster.entries.items()}
        self.ended = {one: status for one, status in now.items() if status in FINAL}

    @invariant()
    def only_what_became_active_is_removed_step_by_step(self) -> None:
        for entry in self.roster.entries.values():
            if entry.status is Status.REMOVING or entry.status.is_active:
                assert entry.passed


Service.TestCase.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None
)
TestService = Service.TestCase


def test_an_id_never_comes_twice() -> None:
    with pytest.raises(ImpossibleError):
        Roster().created("d1").created("d1")


@pytest.mark.parametrize("status", sorted(FINAL))
@pytest.mark.parametrize("happening", sorted(Happening))
def test_nothing_happens_to_what_is_final(status: Status, happening: Happening) -> None:
    with pytest.raises(ImpossibleError):
        follow(status, happening)


def test_every_status_can_be_reached() -> None:
    assert {Status.INITIALIZING, *NEXT.values()} == set(Status)


def test_an_overlap_that_is_itself_overtaken_ends_at_once() -> None:
    roster = Roster()
    for one in ("d1", "d2", "d3"):
        roster = roster.created(one).after(one, Happening.BUILD_BEGAN)
        roster = roster.after(one, Happening.START_BEGAN)
        roster, over = roster.activated(one)
    assert over == ("d1",)
    assert roster.active == ("d3", "d2")
