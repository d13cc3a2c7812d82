import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.backend.config.catalogue import CHECK, catalogue
from app.backend.config.dotenv import parse_dotenv
from app.backend.config.rules import RULES
from app.cli.env.beyond import BEYOND
from app.cli.env.catalogue import example, explain

ROOT = Path(__file__).resolve().parents[4]
# As the specification lists them; serverless Pinecone has no environment.
REQUIRED = {
    *("DATABASE_URL", "DB_POOL_SIZE", "DB_SSL_REQUIRE"),
    *("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "TOGETHER_API_KEY"),
    *("PINECONE_API_KEY", "PINECONE_INDEX"),
    *("SUPABASE_URL", "SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY"),
    *("RESEND_API_KEY", "STRIPE_SECRET_KEY", "STRIPE_PUBLISHABLE_KEY"),
    *("STRIPE_WEBHOOK_SECRET", "SENTRY_DSN", "POSTHOG_PROJECT_API_KEY"),
    *("PM33_SLACK_WEBHOOK", "SECRET_KEY", "JWT_SECRET"),
}


def written(*options: str) -> Result:
    return CliRunner().invoke(example, options)


def explained(*options: str) -> Result:
    return CliRunner().invoke(explain, options)


def test_the_example_of_this_repository_is_what_the_settings_are() -> None:
    said = written("--check", "--output", str(ROOT / ".env.example"))

    assert said.exit_code == 0, said.output


def test_the_example_leaves_open_what_production_requires() -> None:
    said = written("--output", "-")

    assert said.exit_code == 0
    assert parse_dotenv(said.stdout).values() == dict.fromkeys(REQUIRED, "")


def test_it_is_written_where_it_belongs_and_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / ".env.example"

    for _ in range(2):
        said = written()
        assert (said.exit_code, said.stdout) == (0, "")
    assert path.read_text(encoding="utf-8") == written("-o", "-").stdout
    assert written("--check").exit_code == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda _: None, "is not there"),
        (lambda text: text.replace("DATABASE_URL=", "DATABASE_URL=x"), "from line 2"),
        (lambda text: text + "MORE=1\n", "from line"),
        (lambda _: "", "from line 1 on"),
    ],
    ids=["missing", "changed", "longer", "empty"],
)
def test_a_check_tells_where_it_differs_and_writes_nothing(
    change: Callable[[str], str | None], told: str, tmp_path: Path
) -> None:
    path = tmp_path / ".env.example"
    text = change(written("-o", "-").stdout)
    if text is not None:
        path.write_text(text, encoding="utf-8")
    said = written("--check", "-o", str(path))

    assert said.exit_code == 1
    assert told in said.stderr
    assert path.exists() == (text is not None)
    if text is not None:
        assert path.read_text(encoding="utf-8") == text


def test_a_file_that_somebody_wrote_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("SECRET_KEY=the-only-copy\n")
    said = written("-o", str(path))

    assert said.exit_code == 2
    assert path.read_text() == "SECRET_KEY=the-only-copy\n"
    assert "the-only-copy" not in said.output


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\nSECRET_KEY=", "\nSECRET_KEY=the-only-copy"),
        ("\n#REDIS_URL=", "\n#REDIS_URL=redis://:the-only-copy@cache"),
        ("\nDB_POOL_SIZE=", "\nDB_POOL_SIZE=7"),
        ("\nSECRET_KEY=", "\nMINE=the-only-copy\nSECRET_KEY="),
        ("\nSECRET_KEY=", "\nthe-only-copy\nSECRET_KEY="),
    ],
    ids=["secret", "commented out", "setting", "own", "no setting"],
)
def test_a_copy_that_somebody_has_filled_in_is_not_written_over(
    before: str, after: str, tmp_path: Path
) -> None:
    path = tmp_path / ".env"
    text = written("-o", "-").stdout
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    filled = path.read_text(encoding="utf-8")
    said = written("-o", str(path))

    assert said.exit_code == 2
    assert "is filled in (line " in said.stderr
    assert path.read_text(encoding="utf-8") == filled
    assert "the-only-copy" not in said.output


def test_an_older_generation_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / ".env.example"
    text = written("-o", "-").stdout
    older = text.replace("#DB_SSL_VERIFY=", "#DB_SSL_VERIFY=older").replace("One", "A")
    path.write_text(f"{older}\n#GONE_SINCE=7\nREQUIRED_ONCE=\n", encoding="utf-8")

    assert written("-o", str(path)).exit_code == 0
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", ["binary", "nowhere/at/all"])
def test_a_file_that_cannot_be_used_is_a_wrong_question(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    assert written("-o", str(tmp_path / name)).exit_code == 2


@pytest.mark.parametrize("name", ["SECRET_KEY", "secret_key", "SECRET_KEY_FILE"])
def test_a_secret_is_explained_with_its_file_and_its_rules(name: str) -> None:
    said = explained(name)

    assert said.exit_code == 0, said.output
    first, *others = said.stdout.splitlines()
    assert first == "SECRET_KEY"
    assert "  text, secret, no default" in others
    assert "  SECRET_KEY_FILE may name a file that holds it alone." in others
    assert "  required  (production error)" in others
    assert "    → set it" in others


def test_a_rule_that_is_the_same_everywhere_says_so() -> None:
    said = explained("PM33_DISABLED_SERVICES")

    assert "  unknown-service  (warning everywhere)" in said.stdout.splitlines()


def test_a_knob_is_explained_for_the_check_that_is_asked_about() -> None:
    said = explained("HEALTH_DATABASE_PERIOD")

    name, description, kind, *judged = said.stdout.splitlines()
    assert name == "HEALTH_DATABASE_PERIOD"
    assert description.startswith("  Seconds from one look to the next")
    assert kind.endswith(", no default")
    assert "  unusable-value  (error everywhere)" in judged


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_a_slip_in_the_name_of_a_check_is_not_explained_as_if_it_were_one(
    option: tuple[str, ...],
) -> None:
    said = explained("HEALTH_DATABSE_PERIOD", *option)

    assert (said.exit_code, said.stdout) == (2, "")
    assert "did you mean HEALTH_DATABASE_PERIOD?" in said.stderr


def test_a_knob_of_no_known_check_is_explained_with_who_would_read_it() -> None:
    told = "No check that comes with the service has that name"

    assert told in explained("HEALTH_QUEUE_PERIOD").stdout
    assert told not in explained("HEALTH_AI_SERVICES_PERIOD").stdout


def test_the_address_of_a_check_is_explained_with_its_rules() -> None:
    body = json.loads(explained("HEALTH_STRIPE_BASE_URL", "--json").stdout)

    assert {one["name"] for one in body["rules"]} >= {"check-url", "check-plain-http"}


def test_json_holds_all_that_is_known() -> None:
    body = json.loads(explained("DB_POOL_SIZE", "--json").stdout)

    assert set(body) == {
        *("name", "description", "kind", "default", "secret", "file_variant"),
        *("group", "rules"),
    }
    assert (body["name"], body["default"], body["secret"]) == (
        *("DB_POOL_SIZE", "5", False),
    )
    required = next(rule for rule in body["rules"] if rule["name"] == "required")
    assert required["severity"] == {"production": "error"}
    assert set(required) == {"name", "severity", "reason", "remedy"}


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_every_variable_is_explained_with_every_rule_about_it(name: str) -> None:
    asked = name.replace(CHECK, "DATABASE")
    said = explained(asked, "--json")

    assert said.exit_code == 0
    told = [rule["name"] for rule in json.loads(said.stdout)["rules"]]
    further = {one.name for one in BEYOND}
    assert [one for one in told if one not in further] == [
        rule.name for rule in RULES if asked in rule.variables
    ]
    assert max(map(len, explained(asked).stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("DATABASE_URL", {"database-url", "service-refused", "private-network"}),
        ("SUPABASE_URL", {"service-refused", "service-troubled"}),
        ("SECRET_KEY", {"unusable-value"}),
        ("DB_POOL_SIZE", {"unusable-value"}),
        ("ENVIRONMENT", {"environment-mismatch"}),
    ],
)
def test_what_no_rule_finds_but_the_command_does_is_explained_too(
    name: str, rules: set[str]
) -> None:
    body = json.loads(explained(name, "--json").stdout)

    assert {one["name"] for one in body["rules"]} >= rules


def test_it_keeps_to_the_terminals_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    said = explained("DATABASE_URL")

    assert max(map(len, said.stdout.splitlines())) <= 50


def test_a_misspelt_name_is_answered_with_the_one_that_is_meant() -> None:
    said = explained("ANTROPIC_API_KEY")

    assert said.exit_code == 2
    assert "did you mean ANTHROPIC_API_KEY?" in said.stderr
    assert "OPENAI" not in said.stderr


def test_what_is_no_name_is_not_repeated() -> None:
    said = explained("sk-a-canary-in-the-wrong-place")

    assert said.exit_code == 2
    assert "canary" not in said.output
