from hypothesis import given
from hypothesis import strategies as st

from app.backend.deploy.records.journal import Event, EventKind
from app.backend.deploy.records.run_state import RunState, StepStatus, runs_of
from tests.support.events import event, events, story

INTENT, CALL, OUTCOME = EventKind.INTENT, EventKind.CALL, EventKind.OUTCOME


def status(*told: Event) -> StepStatus | None:
    step = RunState.of(told).step("deploy")
    return step.status if step else None


@given(st.lists(events, max_size=15), st.integers(0, 15))
def test_any_journal_cut_off_anywhere_is_a_run(told: list[Event], cut: int) -> None:
    state = RunState.of(told[:cut])
    assert state.ended or state.outcome is None
    assert all(step.attempt >= 1 for step in state.steps.values())
    assert len(runs_of(told)) == len({one.run for one in told})


@given(st.lists(events, max_size=15), st.randoms())
def test_the_order_in_which_events_are_read_does_not_matter(
    told: list[Event], random: object
) -> None:
    shuffled = sorted(told, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert RunState.of(shuffled) == RunState.of(told)


def test_a_whole_run_is_told_from_its_events() -> None:
    told = story(actor="alice", reason="it is Tuesday", plan={"commit": "b"})
    state = RunState.of(told)

    assert (state.run, state.environment, state.commit) == (
        "run-1",
        "production",
        "b" * 40,
    )
    assert (state.actor, state.plan) == ("alice", {"commit": "b"})
    assert (state.deployment, state.begun) == ("d2", True)
    assert list(state.steps) == ["deploy", "bake"]
    assert {step.status for step in state.steps.values()} == {StepStatus.DONE}
    assert state.steps["deploy"].data == {
        "tag": "run-1",
        "deployment": "d2",
        "ok": True,
    }
    assert [note.data["round"] for note in state.notes] == [1, 2]
    assert (state.ended, state.outcome, state.verdict) == (True, "done", "ok")
    assert (state.started_at, state.ended_at) == (told[0].at, told[-1].at)


def test_a_step_is_as_far_as_its_last_event() -> None:
    assert status() is None
    assert status(event(INTENT)) is StepStatus.INTENDED
    assert status(event(INTENT), event(CALL, at=1)) is StepStatus.CALLED
    done = (event(INTENT), event(CALL, at=1), event(OUTCOME, at=2, ok=True))
    assert status(*done) is StepStatus.DONE
    failed = (event(INTENT), event(OUTCOME, at=2, ok=False, error="no room"))
    assert status(*failed) is StepStatus.FAILED


def test_a_new_attempt_is_what_counts() -> None:
    first = (event(INTENT), event(OUTCOME, at=1, ok=False))
    assert status(*first, event(INTENT, at=2, attempt=2)) is StepStatus.INTENDED


def test_what_a_dead_holder_still_wrote_does_not_count() -> None:
    taken_over = (event(INTENT), event(INTENT, at=5, epoch=2))
    zombie = event(OUTCOME, at=9, attempt=7, ok=False)
    assert status(*taken_over, zombie) is StepStatus.INTENDED


def test_a_run_that_is_taken_up_again_has_not_ended() -> None:
    interrupted = (
        event(EventKind.BEGIN, "run"),
        event(EventKind.END, "run", at=1, outcome="interrupted"),
    )
    assert RunState.of(interrupted).ended

    resumed = RunState.of((*interrupted, event(INTENT, at=2, epoch=2)))
    assert (resumed.ended, resumed.outcome, resumed.epoch) == (False, None, 2)


def test_runs_are_told_apart_the_newest_first() -> None:
    runs = runs_of((*story("run-1", 1), *story("run-2", 2)))
    assert [(one.run, one.ended) for one in runs] == [("run-2", True), ("run-1", True)]
