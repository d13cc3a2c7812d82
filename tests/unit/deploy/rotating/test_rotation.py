from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from app.backend.config.findings import Finding, Severity
from app.backend.deploy.rotating.advising import advise
from app.backend.deploy.rotating.judging import breaks, malformed
from app.backend.deploy.rotating.rotation import Rotation, decide, recall
from app.backend.deploy.rotating.values import Values
from app.errors import PreflightError, TargetError

TODAY = date(2026, 11, 23)
OLD, NEW = "the-old-value", "the-new-value"
FILE = Path("/home/platform/variables.env")
AT = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)


def rotated(
    name: str, today: Values, serving: Values | None = None, value: str = NEW
) -> Rotation:
    before = today if serving is None else serving
    return decide(name, value, today=today, serving=before, on=TODAY)


def test_a_vendors_key_is_replaced_and_put_back_to_what_it_was() -> None:
    rotation = rotated("OPENAI_API_KEY", {"OPENAI_API_KEY": OLD, "OTHER": "x"})

    dated = {"PM33_ROTATED": "OPENAI_API_KEY=2026-11-23"}
    assert rotation.changes == {"OPENAI_API_KEY": NEW, **dated}
    assert rotation.undo == {"OPENAI_API_KEY": OLD, "PM33_ROTATED": None}
    assert (rotation.old, rotation.keeps, rotation.is_set) == (OLD, None, False)
    assert rotation.notes == ()


@pytest.mark.parametrize("name", ["SECRET_KEY", "JWT_SECRET", "STRIPE_WEBHOOK_SECRET"])
def test_a_key_that_has_signed_is_kept_as_the_previous_one_with_its_day(
    name: str,
) -> None:
    rotation = rotated(name, {name: OLD})

    assert rotation.changes == {
        name: NEW,
        f"{name}_PREVIOUS": OLD,
        "PM33_ROTATED": f"{name}=2026-11-23",
    }
    assert rotation.undo == {name: OLD, f"{name}_PREVIOUS": None, "PM33_ROTATED": None}
    assert rotation.keeps == f"{name}_PREVIOUS"


def test_a_second_rotation_drops_the_first_previous_key_and_says_so() -> None:
    today = {
        "JWT_SECRET": OLD,
        "JWT_SECRET_PREVIOUS": "the-oldest",
        "PM33_ROTATED": "SECRET_KEY=2026-01-02, JWT_SECRET=2026-02-03",
    }
    rotation = rotated("JWT_SECRET", today)

    told = rotation.changes["PM33_ROTATED"]
    assert told == "SECRET_KEY=2026-01-02,JWT_SECRET=2026-11-23"
    assert rotation.undo == today
    assert "is dropped" in rotation.notes[0]


def test_after_an_attempt_that_was_killed_the_old_value_is_what_serves_has() -> None:
    serving = {"SECRET_KEY": OLD}
    first = rotated("SECRET_KEY", serving)
    again = rotated("SECRET_KEY", {**serving, **first.changes}, serving)

    assert (again.is_set, again.old, again.undo) == (True, OLD, first.undo)
    assert again.changes == first.changes
    assert "made before that" in again.notes[0]


def test_another_value_that_was_never_deployed_is_neither_kept_nor_put_back() -> None:
    rotation = rotated("SECRET_KEY", {"SECRET_KEY": "pending"}, {"SECRET_KEY": OLD})

    assert rotation.changes["SECRET_KEY_PREVIOUS"] == OLD
    assert rotation.undo["SECRET_KEY"] == OLD
    assert "not what is put back" in rotation.notes[0]


@pytest.mark.parametrize("empty", ["", None])
def test_what_is_empty_or_sealed_is_not_kept_as_the_previous_one(
    empty: str | None,
) -> None:
    rotation = rotated("SECRET_KEY", {"SECRET_KEY": empty})

    assert rotation.keeps is None
    assert "SECRET_KEY_PREVIOUS" not in rotation.changes


def test_what_nobody_may_read_of_what_serves_is_what_is_set_today() -> None:
    rotation = rotated("API_KEY", {"API_KEY": OLD}, {"API_KEY": None})
    again = rotated("API_KEY", {"API_KEY": NEW}, {"API_KEY": None})

    assert (rotation.old, rotation.undo["API_KEY"]) == (OLD, OLD)
    # It may be an earlier attempt's.
    assert (again.old, again.can_be_undone) == (None, False)


@pytest.mark.parametrize("killed", [False, True])
def test_an_earlier_process_is_known_by_names_and_by_what_was_deployed(
    *, killed: bool
) -> None:
    serving = {"JWT_SECRET": OLD, "OTHER": "x"}
    first = rotated("JWT_SECRET", serving)
    today = {**serving, **first.changes} if killed else serving
    found = recall(
        "JWT_SECRET", [*first.changes], today=today, serving=serving, given=today
    )

    assert found.is_set is killed
    assert (found.undo, found.old, found.keeps) == (first.undo, OLD, first.keeps)
    assert found.value == (NEW if killed else OLD)


def test_a_sealed_value_is_replaced_but_cannot_be_put_back_and_says_so() -> None:
    rotation = rotated("SECRET_KEY", {"SECRET_KEY": None})

    assert "SECRET_KEY_PREVIOUS" not in rotation.changes
    assert not rotation.can_be_undone
    assert (rotation.old, rotation.keeps) == (None, None)
    assert "sealed" in rotation.notes[0]
    assert "SECRET_KEY_PREVIOUS" in rotation.notes[1]


@pytest.mark.parametrize(
    ("name", "today", "said"),
    [
        ("OPENAI_API_KEY", {"OPENAI_API_KEY": NEW}, "this value"),
        ("OPENAI_API_KEY", {}, "not set"),
        ("OPENAI_API_KEY", {"OPENAI_API_KEY_FILE": "/key"}, "OPENAI_API_KEY_FILE"),
        ("JWT_SECRET", {"JWT_SECRET": OLD, "JWT_SECRET_FILE": "/key"}, "both set"),
        (
            "JWT_SECRET",
            {"JWT_SECRET": OLD, "JWT_SECRET_PREVIOUS_FILE": "/key"},
            "JWT_SECRET_PREVIOUS_FILE",
        ),
    ],
)
def test_where_there_is_nothing_to_rotate_it_is_refused_with_a_remedy(
    name: str, today: Values, said: str
) -> None:
    with pytest.raises(PreflightError, match=said) as refused:
        rotated(name, today)

    assert refused.value.remedy
    assert NEW not in f"{refused.value} {refused.value.remedy}"


@pytest.mark.parametrize(
    "name", ["A=B", "", "ENVIRONMENT", "PM33_ROTATED", "JWT_SECRET_PREVIOUS"]
)
def test_what_is_not_rotated_by_hand_is_a_wrong_question(name: str) -> None:
    with pytest.raises(TargetError) as refused:
        rotated(name, {name: OLD})

    assert refused.value.exit_code == 2
    assert refused.value.remedy


def test_what_was_set_since_and_never_deployed_has_nothing_to_rotate() -> None:
    with pytest.raises(PreflightError, match="was not given") as refused:
        rotated("API_KEY", {"API_KEY": "pending"}, {})

    assert "pm33 deploy" in refused.value.remedy


@pytest.mark.parametrize("word", ["sk_live_51Nq8wKc2vTzR4m", "sk-live/51Nq8wKc2vTz"])
def test_a_value_in_the_place_of_the_name_is_not_repeated(word: str) -> None:
    with pytest.raises((PreflightError, TargetError)) as refused:
        rotated(word, {"STRIPE_SECRET_KEY": OLD})

    assert word not in f"{refused.value} {refused.value.remedy}"


def test_what_is_misspelt_is_told_with_what_is_set_and_where_a_new_one_goes() -> None:
    with pytest.raises(PreflightError) as refused:
        decide(
            "OPENAI_APIKEY",
            NEW,
            today={"OPENAI_API_KEY": OLD},
            serving={"OPENAI_API_KEY": OLD},
            on=TODAY,
            file=FILE,
        )

    assert refused.value.remedy.startswith("did you mean OPENAI_API_KEY?")
    assert str(FILE) in refused.value.remedy


@pytest.mark.parametrize("pending", [None, "set-since"])
def test_what_the_platform_itself_adds_is_put_back_by_removing_what_was_set(
    pending: str | None,
) -> None:
    own: Values = {"DATABASE_URL": None}
    today = {"DATABASE_URL": pending}
    rotation = decide(
        "DATABASE_URL", NEW, today=today, serving=own, on=TODAY, file=FILE
    )

    assert rotation.was_platforms
    assert rotation.can_be_undone
    assert rotation.undo["DATABASE_URL"] is None
    assert "the platform's own" in " ".join(rotation.notes)
    assert "sealed" not in " ".join(rotation.notes)
    assert advise(rotation, gone_by=AT, holders=["d1"], ttl=timedelta(1)) == ()


@pytest.mark.parametrize("killed", [False, True])
def test_an_earlier_process_that_has_replaced_the_platforms_own_is_recalled(
    *, killed: bool
) -> None:
    own: Values = {"DATABASE_URL": None}
    today: Values = {"DATABASE_URL": NEW} if killed else own
    found = recall(
        "DATABASE_URL",
        ["DATABASE_URL"],
        today=today,
        serving=own,
        given=today,
        file=FILE,
    )

    assert (found.is_set, found.was_platforms) == (killed, True)
    assert found.undo == {"DATABASE_URL": None}


def test_nothing_shows_a_value_in_its_repr() -> None:
    assert "value" not in repr(rotated("SECRET_KEY", {"SECRET_KEY": OLD}))


def finding(variable: str, rule: str, severity: Severity = Severity.ERROR) -> Finding:
    return Finding(
        variable=variable,
        severity=severity,
        rule=rule,
        message="is wrong",
        remedy="mend it",
        source="local:production",
    )


def test_only_errors_of_the_value_and_those_that_come_with_it_count() -> None:
    rotation = rotated("JWT_SECRET", {"JWT_SECRET": OLD})
    own, come = finding("JWT_SECRET", "too-short"), finding("SECRET_KEY", "same-keys")
    others = finding("SENTRY_DSN", "required")
    warning = finding("JWT_SECRET", "weak", Severity.WARNING)

    found = breaks(rotation, [own, others], [own, come, others, warning])

    assert found == (own, come)


def test_the_form_of_the_new_value_counts_and_not_that_of_the_kept_one() -> None:
    rotation = rotated("SECRET_KEY", {"SECRET_KEY": OLD})
    own = finding("SECRET_KEY", "pasted-line-break", Severity.WARNING)
    kept = finding("SECRET_KEY_PREVIOUS", "placeholder")
    come = finding("JWT_SECRET", "same-secret")
    others = finding("RESEND_API_KEY", "placeholder")

    found = malformed(rotation, [own, others], [own, kept, come, others])

    assert [(one.variable, one.severity) for one in found] == [
        ("SECRET_KEY", Severity.ERROR),
        ("JWT_SECRET", Severity.ERROR),
    ]


def test_a_vendors_key_is_revoked_once_the_old_processes_have_ended() -> None:
    rotation = rotated("OPENAI_API_KEY", {"OPENAI_API_KEY": OLD})
    revoke, back = advise(
        rotation, gone_by=AT, holders=["d1", "d2"], ttl=timedelta(days=30)
    )

    assert "not before 2026-11-23 12:30:00 UTC" in revoke
    assert back.startswith("d1, d2 still hold the old OPENAI_API_KEY")
    assert "--current-variables" in back


def test_a_kept_key_has_a_day_on_which_it_is_removed() -> None:
    rotation = rotated("SECRET_KEY", {"SECRET_KEY": OLD})
    (told,) = advise(rotation, gone_by=AT, holders=[], ttl=timedelta(days=30))

    assert "SECRET_KEY_PREVIOUS" in told
    assert "2026-12-23" in told
