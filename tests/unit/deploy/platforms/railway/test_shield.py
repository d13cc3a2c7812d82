"""Whether the shield is asked for beside something else."""

from app.backend.deploy.platforms.railway.shield import Sight
from app.errors import NotAuthorizedError, PlatformError
from tests.support.simulated_release import PatientClock

MINUTE, DAY = 60.0, 86_400.0
BROKEN, REFUSED = PlatformError("broken"), NotAuthorizedError("not yours")


async def test_it_is_asked_for_while_nothing_is_wrong() -> None:
    sight = Sight(PatientClock(), lambda _: None)
    assert sight.due
    sight.came()
    assert sight.due


async def test_a_token_that_is_refused_asks_for_it_no_more_and_says_so() -> None:
    clock, said = PatientClock(), list[str]()
    sight = Sight(clock, said.append)
    sight.failed(REFUSED)
    await clock.sleep(DAY)
    assert not sight.due
    assert said == ["the shield cannot be seen, and is not asked for again: not yours"]


async def test_whatever_else_fails_is_tried_again_ever_more_seldom() -> None:
    clock, said, tried = PatientClock(), list[str](), 0
    sight = Sight(clock, said.append)
    for _ in range(90):
        if sight.due:
            tried += 1
            sight.failed(BROKEN)
        await clock.sleep(MINUTE)
    assert tried == 4
    assert said == ["the shield cannot be seen, and is asked for again later: broken"]


async def test_one_answer_makes_all_as_in_the_beginning() -> None:
    clock, waited = PatientClock(), list[float]()
    sight = Sight(clock, lambda _: None)
    for _ in range(2):
        sight.failed(BROKEN)
        began = clock.time()
        while not sight.due:
            await clock.sleep(1.0)
        waited.append(clock.time() - began)
        sight.came()
    assert waited[0] == waited[1]
