"""Whatever a secret is, and however it is given: it is never shown, in no encoding."""

import base64
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import NoneType
from urllib.parse import quote, quote_plus

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from app.backend.config.environment import known_variables
from app.cli.env import env
from app.errors import UnreadableSourceError
from tests.support.canned_http import canned_service
from tests.support.captured_logs import captured_logs

SECRET = sorted(name for name, secret in known_variables().items() if secret)
URLS = frozenset(name for name in SECRET if name.endswith("_URL"))
CLEAN = dict.fromkeys((*known_variables(), "ENVIRONMENT", "NO_COLOR"))
VENDORS = (
    *("ANTHROPIC", "OPENAI", "TOGETHER", "PINECONE", "STRIPE", "RESEND"),
    *("SENTRY", "SLACK"),
)
TELLING = 8
SHORTEST = 6
"""What is shorter is not searched for in running text: it would shred it."""

ROOT = Path(__file__).resolve().parents[4]
# What the command says by itself is no leak, even if somebody's password says it, too.
VOCABULARY = "".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "app").rglob("*.py"))
)

# Quotes, escapes, line ends, what URLs and shells mind, and what looks like base64.
odd = st.text(
    st.one_of(
        st.sampled_from("\"'\\%&+/= \n\r\t<>#$`{}é☃😀\x7f\x85abzQR0189_-.:@?,;"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    min_size=SHORTEST,
    max_size=60,
).filter(lambda text: len(text.strip()) >= SHORTEST)
encoded = st.binary(min_size=9, max_size=48).map(
    lambda data: base64.b64encode(data).decode()
)
# Too short to be searched for, but of signs that nobody else uses.
short = st.text("ŧ¤¶§", min_size=1, max_size=5)
prefixes = st.sampled_from(
    [
        *("", "sk-ant-api03-", "sk-proj-", "sk_live_", "sk_test_", "rk_live_"),
        *("whsec_", "re_", "phc_", "phx_", "pcsk_", "xoxb-", "sb_secret_", "eyJhbGci."),
        *("https://hooks.slack.com/services/T0/B0/", "https://k@o1.ingest.sentry.io/"),
    ]
)


@st.composite
def values(draw: st.DrawFn, variable: str) -> tuple[str, str]:
    """A value for a variable, and the part of it that nobody may see."""
    needle = draw(st.one_of(odd, encoded, short))
    if variable in URLS and draw(st.booleans()):
        scheme = "redis" if variable == "REDIS_URL" else "postgresql"
        password = draw(st.sampled_from([needle, quote(needle, safe="")]))
        return f"{scheme}://pm33:{password}@127.0.0.1:1/0", needle
    return draw(prefixes) + needle, needle


@st.composite
def environments(draw: st.DrawFn) -> dict[str, tuple[str, str]]:
    """Some secrets, each with what nobody may see of it."""
    names = draw(st.lists(st.sampled_from(SECRET), min_size=1, max_size=6, unique=True))
    return {name: draw(values(name)) for name in names}


def forms_of(needle: str) -> Iterator[str]:
    data = needle.encode()
    yield from (needle, needle[::-1], quote(needle), quote(needle, safe=""))
    yield from (quote_plus(needle), repr(needle)[1:-1], ascii(needle)[1:-1])
    yield from (repr(data)[2:-1], data.hex(), data.hex().upper())
    for text in (json.dumps(needle), json.dumps(needle, ensure_ascii=False)):
        yield text[1:-1]
        yield json.dumps(text[1:-1])[1:-1]
        yield quote(text[1:-1], safe="")
    for offset in range(3):
        inner = base64.b64encode(b"\0" * offset + data).decode()
        inner = inner[(offset * 8 + 5) // 6 : (offset + len(data)) * 8 // 6]
        yield from (inner, inner.replace("+", "-").replace("/", "_"))


def packed(text: str) -> str:
    """Without blanks: a table breaks its lines where it likes."""
    return "".join(text.split())


def leaks(needle: str, output: str) -> list[str]:
    output = packed(output)
    found = {packed(form) for form in forms_of(needle)}
    # An encoding of a letter or two is in every path of a temporary file.
    telling = {form for form in found if len(form) >= TELLING} | {packed(needle)}
    return [form for form in telling if form in output and form not in OWN_WORDS]


OWN_WORDS = packed(VOCABULARY)


def is_telling(needle: str) -> bool:
    """Whether it could be told apart from what is said anyway."""
    return len(packed(needle)) >= SHORTEST or not set(needle) - set("ŧ¤¶§")


def quoted(value: str) -> str:
    for plain, code in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
        value = value.replace(plain, code)
    return f'"{value}"'


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    """The address of a vendor that refuses every key."""
    with canned_service() as service:
        service.headers = {"content-type": "application/json"}
        yield service.answers({"error": {"message": "Incorrect API key"}}, 401).url


def everything_said(words: list[str], variables: dict[str, str]) -> str:
    """On stdout and stderr, with all that was logged and raised."""
    runner = CliRunner(env={**CLEAN, **variables})
    with captured_logs({}) as logs:
        said = runner.invoke(env, words)
    raised = "" if said.exception is None else f"{said.exception!r}"
    # What would end in a traceback is no answer, whatever it shows.
    assert isinstance(said.exception, NoneType | SystemExit | UnreadableSourceError)
    return f"{said.stdout}\n{said.stderr}\n{logs.text}\n{raised}"


FORMATS = st.sampled_from(["table", "json", "github"])
WAYS = st.sampled_from(["process", "file", "raw file", "secret files"])
RELAXED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(deadline=None, max_examples=40, suppress_health_check=RELAXED)
@example(given_={"SECRET_KEY": ("production", "production")}, form="json", way="file")
@example(given_={"JWT_SECRET": ("ŧ", "ŧ")}, form="table", way="process")
@given(given_=environments(), form=FORMATS, way=WAYS)
def test_no_secret_is_ever_shown(
    given_: dict[str, tuple[str, str]], form: str, way: str, vendor: str
) -> None:
    shows_nothing(given_, form, way, vendor)


@pytest.mark.full
@settings(deadline=None, max_examples=1000, suppress_health_check=RELAXED)
@given(given_=environments(), form=FORMATS, way=WAYS)
def test_no_secret_is_ever_shown_however_long_one_looks(
    given_: dict[str, tuple[str, str]], form: str, way: str, vendor: str
) -> None:
    shows_nothing(given_, form, way, vendor)


def shows_nothing(
    given_: dict[str, tuple[str, str]], form: str, way: str, url: str
) -> None:
    assume(all(is_telling(needle) for _, needle in given_.values()))
    secrets = {name: value for name, (value, _) in given_.items()}
    bases = {f"HEALTH_{vendor}_BASE_URL": url for vendor in VENDORS}
    words = ["validate", "--verbose", "--format", form, "-e", "production"]
    with tempfile.TemporaryDirectory() as folder:
        options, variables = put(secrets, bases, way, Path(folder))
        said = everything_said([*words, *options], variables)

    assert {name: leaks(needle, said) for name, (_, needle) in given_.items()} == {
        name: [] for name in given_
    }


def put(
    secrets: dict[str, str], others: dict[str, str], way: str, folder: Path
) -> tuple[list[str], dict[str, str]]:
    """Gives them in one of the ways: by options, and by the process's variables."""
    if way == "process":
        return [], secrets | others
    if way == "secret files":
        for name, value in secrets.items():
            (folder / name).write_text(value, encoding="utf-8")
        return [], {f"{name}_FILE": str(folder / name) for name in secrets} | others
    write = quoted if way == "file" else str
    lines = [f"{name}={write(text)}\n" for name, text in secrets.items()]
    lines += [f"{name}={text}\n" for name, text in others.items()]
    path = folder / "some.env"
    path.write_text("".join(lines), encoding="utf-8")
    return ["--env-file", str(path)], {}


@settings(deadline=None, max_examples=30)
@given(first=environments(), second=environments())
def test_a_comparison_shows_no_secret_either(
    first: dict[str, tuple[str, str]], second: dict[str, tuple[str, str]]
) -> None:
    both = [*first.values(), *second.values()]
    assume(all(is_telling(needle) for _, needle in both))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "some.env")
        lines = [f"{name}={quoted(text)}\n" for name, (text, _) in first.items()]
        path.write_text("".join(lines), encoding="utf-8")
        variables = {name: text for name, (text, _) in second.items()}
        said = everything_said(["diff", str(path), "process"], variables)

    assert [leaks(needle, said) for _, needle in both] == [[] for _ in both]


@pytest.mark.parametrize("value", ["e", "1", "set", "key", "SECRET_KEY", "production"])
def test_a_secret_that_is_a_word_of_ours_shreds_no_sentence(value: str) -> None:
    runner = CliRunner(env={**CLEAN, "SECRET_KEY": value})
    other = CliRunner(env={**CLEAN, "SECRET_KEY": "☃" * len(value)})
    words = ["validate", "-e", "production", "--offline", "--json"]
    with captured_logs({}):
        said, expected = runner.invoke(env, words), other.invoke(env, words)

    body, control = json.loads(said.stdout), json.loads(expected.stdout)
    assert said.stderr == expected.stderr
    assert body["environment"] == "production"
    names = [(one["variable"], one["rule"]) for one in body["findings"]]
    assert {name for name, _ in names} == {
        one["variable"] for one in control["findings"]
    }


def test_what_a_raw_file_cannot_hold_is_told_without_it(tmp_path: Path) -> None:
    path = tmp_path / "some.env"
    path.write_text("SECRET_KEY=first-canary\nsecond-canary\nthird canary=\n")
    said = everything_said(["validate", "--env-file", str(path)], {})

    assert "line 2 is no NAME=value" in said
    assert "canary" not in said


@pytest.mark.parametrize("number", range(len(list(forms_of("x")))))
def test_whoever_looks_for_a_secret_would_find_it(number: int) -> None:
    needle = "S3cret/+\"'\\ é☃\nend%"
    form = list(forms_of(needle))[number]

    assert leaks(needle, f"so it is said: {form} and more")
