import pytest

from app.backend.config.catalogue import CHECK, catalogue, look_up
from app.backend.config.dotenv import parse_dotenv
from app.backend.config.environment import known_variables, read_config
from app.backend.config.example import FIRST_LINE, render_example
from app.backend.config.settings import CheckKnobs

KNOBS = {f"HEALTH_{CHECK}_{knob.upper()}" for knob in CheckKnobs.model_fields}
BEFORE_THE_MODEL = {"ENVIRONMENT", "PM33_DEFAULT_ENVIRONMENT"}


def test_everything_that_is_read_is_known() -> None:
    assert set(catalogue()) == {*known_variables(), *BEFORE_THE_MODEL, *KNOBS}


@pytest.mark.parametrize(
    ("name", "kind", "default", "secret"),
    [
        ("ENVIRONMENT", "one of development, staging, production", None, False),
        ("DATABASE_URL", "text", None, True),
        ("DB_POOL_SIZE", "whole number from 1 to 1000", "5", False),
        ("DB_SSL_REQUIRE", "true or false", "false", False),
        ("DB_SSL_VERIFY", "one of none, ca, full", None, False),
        ("DB_SSL_CA", "path", None, False),
        ("ALLOWED_HOSTS", "list, separated by commas", None, False),
        ("PM33_MIGRATE_ON_DEPLOY", "expand", None, False),
        ("PM33_BAKE", "duration such as 90s, 30m, 2h or 30d", None, False),
        ("PM33_GATE_HOLD", "duration such as 90s, 30m, 2h or 30d", "10", False),
        ("PM33_PREVIOUS_KEY_TTL", "duration such as 90s, 30m, 2h or 30d", "30d", False),
        ("PM33_KEEP_ALIVE", "number, more than 0 and at most 86400", "75", False),
        ("PM33_LAME_DUCK", "number, 0 or more", None, False),
        ("HEALTH_STALE_PERIODS", "number from 1 to 100", "3", False),
        ("HEALTH_LAG_WARNING", "number, more than 0 and at most 86400", "0.5", False),
        ("HEALTH_<CHECK>_FALL", "whole number from 1 to 100", None, False),
    ],
)
def test_a_variable_is_told_in_words(
    name: str, kind: str, default: str | None, *, secret: bool
) -> None:
    entry = catalogue()[name]

    assert (entry.kind, entry.default, entry.secret) == (kind, default, secret)
    assert entry.file_variant == (f"{name}_FILE" if secret else None)
    assert entry.description
    assert entry.group


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("SECRET_KEY", "SECRET_KEY"),
        ("SECRET_KEY_FILE", "SECRET_KEY"),
        ("HEALTH_CHECKS_FILE", "HEALTH_CHECKS_FILE"),
        ("HEALTH_DATABASE_PERIOD", "HEALTH_DATABASE_PERIOD"),
        ("HEALTH_GATE_GRACE", "HEALTH_GATE_GRACE"),
        ("PORT_FILE", None),
        ("ANTROPIC_API_KEY", None),
        ("", None),
    ],
)
def test_a_name_is_looked_up_as_it_is_read(name: str, found: str | None) -> None:
    entry = look_up(name)

    assert (entry and entry.name) == found


def test_the_knob_of_any_check_is_described() -> None:
    entry = look_up("HEALTH_MY_QUEUE_MIN_TIME")

    assert entry is not None
    assert entry.description == CheckKnobs.model_fields["min_time"].description


def settings_of(text: str) -> str:
    """The example with every setting in force."""
    return "".join(
        f"{line[1:] if line[:2] not in {'# ', '#'} and line[0] == '#' else line}\n"
        for line in text.splitlines()
        if line
    )


def test_the_example_is_a_file_of_what_is_required_and_nothing_else() -> None:
    text = render_example({"SECRET_KEY", "DB_SSL_REQUIRE"})
    read = parse_dotenv(text)

    assert text.startswith(FIRST_LINE + "\n")
    assert read.faults == ()
    assert read.values() == {"SECRET_KEY": "", "DB_SSL_REQUIRE": ""}
    assert max(map(len, text.splitlines())) <= 88


def test_the_example_names_every_variable_once_with_a_default_that_can_be_used() -> (
    None
):
    read = parse_dotenv(settings_of(render_example(())))
    names = {name.replace(CHECK, "DATABASE") for name in catalogue()}

    assert read.faults == ()
    assert sorted(line.name for line in read.lines) == sorted(names)
    config = read_config(read.values())
    assert config == read_config({})
