import pytest

from app.backend.health.incidents.blame import Blame, blame_of, blamed
from app.backend.health.incidents.page import Impact, Incident
from app.backend.health.models import CheckResult, Failure, Status

INCIDENT = Incident(title="Elevated errors", impact=Impact.MAJOR, components=("API",))
US = {
    Failure.AUTH,
    Failure.PERMISSION,
    Failure.QUOTA,
    Failure.RATE_LIMIT,
    Failure.CONFIG,
    Failure.WRONG_MODE,
}
SILENT = {Failure.TIMEOUT, Failure.DNS, Failure.TLS, Failure.REFUSED}
THEM = {Failure.OVERLOADED, Failure.VENDOR_INCIDENT}


def broken(status: int = 500) -> CheckResult:
    return CheckResult.degraded(
        Failure.INTERNAL, "it failed on its side", remedy="Wait.", http_status=status
    )


@pytest.mark.parametrize("confirmed", [True, False])
@pytest.mark.parametrize("failure", [one for one in Failure if one in US | THEM])
def test_what_a_class_says_by_itself_no_page_changes(
    failure: Failure, *, confirmed: bool
) -> None:
    expected = Blame.US if failure in US else Blame.THEM
    assert blame_of(failure, http_status=0, confirmed=confirmed) is expected


@pytest.mark.parametrize("failure", sorted(SILENT))
def test_silence_is_theirs_only_if_their_page_says_so(failure: Failure) -> None:
    assert blame_of(failure, http_status=0, confirmed=True) is Blame.THEM
    assert blame_of(failure, http_status=0, confirmed=False) is Blame.NETWORK


@pytest.mark.parametrize(
    ("status", "blame"),
    [
        (500, "them"),
        (502, "them"),
        (200, "network"),
        (302, "network"),
        (418, "network"),
    ],
)
def test_an_answer_that_nobody_knows_is_theirs_if_they_say_it_themselves(
    status: int, blame: str
) -> None:
    result = blamed(broken(status), None)
    assert (result.failure, result.data["blame"]) == (Failure.INTERNAL, blame)


def test_a_check_that_has_failed_itself_is_nobody_elses_fault() -> None:
    raised = CheckResult.unhealthy(Failure.INTERNAL, "KeyError: 'x'", remedy="mend it")
    for incident in (None, INCIDENT):
        assert blamed(raised, incident).data["blame"] == "us"


def test_every_class_has_a_row_here() -> None:
    assert US | SILENT | THEM | {Failure.INTERNAL} == set(Failure)


@pytest.mark.parametrize("status", [500, 200, 302])
def test_a_confirmed_incident_is_its_own_class_and_stays_degraded(status: int) -> None:
    result = blamed(broken(status), INCIDENT)
    assert (result.status, result.failure) == (
        Status.DEGRADED,
        Failure.VENDOR_INCIDENT,
    )
    assert result.data == {
        "http_status": status,
        "blame": "them",
        "incident": INCIDENT.facts(),
    }
    assert result.message.startswith("it failed on its side")
    assert result.remedy


@pytest.mark.parametrize("failure", sorted(SILENT | US))
def test_nobody_is_sent_to_look_at_the_way_while_a_page_confirms_an_incident(
    failure: Failure,
) -> None:
    silent = CheckResult.unhealthy(failure, "no answer", remedy="Look at the network.")

    assert blamed(silent, None).remedy == "Look at the network."
    waits = "wait" in blamed(silent, INCIDENT).remedy
    assert waits is (failure in SILENT)


@pytest.mark.parametrize("failure", [one for one in Failure if one != "internal"])
def test_an_incident_changes_neither_status_nor_class_of_anything_else(
    failure: Failure,
) -> None:
    status = Status.UNHEALTHY if failure in SILENT else Status.DEGRADED
    before = CheckResult(status=status, failure=failure, message="m", remedy="r")
    after = blamed(before, INCIDENT)
    assert (after.status, after.failure) == (status, failure)
    assert after.message == "m"
    assert after.data["incident"] == INCIDENT.facts()


def test_what_is_well_stays_well_and_tells_of_the_incident() -> None:
    assert blamed(CheckResult.healthy(x=1), None) == CheckResult.healthy(x=1)
    result = blamed(CheckResult.healthy(x=1), INCIDENT)
    assert (result.status, result.failure) == (Status.HEALTHY, None)
    assert result.data == {"x": 1, "incident": INCIDENT.facts()}


def test_what_is_not_asked_has_nobody_to_blame() -> None:
    skipped = CheckResult.skipped("not configured")
    assert blamed(skipped, INCIDENT) is skipped
