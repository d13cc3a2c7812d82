"""Every fault of a checks file, with its line and its fix; and what is no fault."""

import tomllib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.backend.health.checks.declared.file import (
    CheckFile,
    parse,
    read_checks_file,
)
from app.backend.health.checks.declared.models import TABLES, CheckTable, HttpTable
from app.backend.health.checks.declared.references import Given
from app.backend.health.models import CheckPolicy

HTTP = '[checks.shop]\ntype = "http"\nurl = "https://shop.example.com/"\n'
TLS = '[checks.shop]\ntype = "tls"\nhost = "shop.example.com"\n'
SQL = '[checks.jobs]\ntype = "sql"\nquery = "select 1"\n'
NIGHTLY = '[checks.nightly]\ntype = "heartbeat"\nevery = "1d"\n'
CANARY = "c4nary-of-a-value"


def of(text: str, **values: str) -> CheckFile:
    return parse(text, Given({name: SecretStr(one) for name, one in values.items()}))


def test_every_type_is_read_with_its_defaults() -> None:
    read = of(
        HTTP
        + SQL
        + NIGHTLY
        + '[checks.mail]\ntype = "tcp"\nhost = "mail.example.com"\nport = 25\n'
        + '[checks.site]\ntype = "tls"\nhost = "shop.example.com"\n'
        + '[checks.name]\ntype = "dns"\nhost = "shop.example.com"\n'
    )

    assert read.faults == ()
    assert {one.table.type for one in read.declarations} == TABLES.keys()
    assert [(one.name, one.line) for one in read.declarations] == [
        *(("shop", 1), ("jobs", 4), ("nightly", 7)),
        *(("mail", 10), ("site", 14), ("name", 17)),
    ]


def test_what_a_check_says_of_its_policy_is_told_to_the_registry() -> None:
    read = of(f'{HTTP}period = "2m"\ncritical = true\nbudget = 60\nstale_periods = 2\n')
    [declared] = read.declarations
    policy = declared.table.policy

    assert policy["period"] == 120.0
    assert (policy["critical"], policy["shared"], policy["budget"]) == (True, True, 60)
    assert CheckPolicy(**policy).stale_periods == 2
    assert "stale_periods" not in of(HTTP).declarations[0].table.policy


@pytest.mark.parametrize("model", TABLES.values(), ids=TABLES.keys())
def test_every_field_has_an_example_that_mends_a_fault(
    model: type[CheckTable],
) -> None:
    for name, field in model.model_fields.items():
        assert name == "type" or field.examples, name
        for one in field.examples or ():
            assert tomllib.loads(f"x = {one}")


FAULTS = {
    # what the file says: line, words, fix
    'x = "': (1, "is no TOML", "toml.io"),
    f"{HTTP}url = 1\n": (4, "is no TOML", "toml.io"),
    "checks = 1\n": (1, "'checks' is no table", "[checks.NAME]"),
    f"{HTTP}[others]\n": (4, "'others' is no table of checks", "[checks.NAME]"),
    "[checks]\nshop = 1\n": (2, "'shop' is no table", "[checks.shop]"),
    "[checks.shop]\nport = 1\n": (1, "type is missing", "http, tcp, tls, dns, sql"),
    '[checks.shop]\ntype = "htp"\n': (2, "did you mean http?", "http, tcp"),
    "[checks.shop]\ntype = 7\n": (2, "type is unknown", "http, tcp"),
    '[checks.shop]\ntype = "http"\n': (1, "url is missing", 'add url = "https://'),
    f"{HTTP}perod = 7\n": (4, "no field 'perod': did you mean period", "write period"),
    f"{HTTP}zzz = 7\n": (4, "type http has no field 'zzz'", "contains, headers"),
    f"{HTTP}period = 0\n": (4, "period has to be greater than 0", "period = 60"),
    f"{HTTP}period = nan\n": (4, "period has to be", "period = 60"),
    f'{HTTP}period = "{CANARY}"\n': (4, "period has to be seconds, or a", "= 60"),
    f'{HTTP}timeout = "2d"\n': (4, "timeout has to be less than", "timeout = 5"),
    f"{HTTP}fall = true\n": (4, "fall has to be a valid integer", "fall = 2"),
    f"{HTTP}fall = 0\n": (4, "fall has to be greater than", "fall = 2"),
    f'{HTTP}critical = "yes"\n': (4, "critical has to be a valid bool", "= true"),
    f"{HTTP}stale_periods = 0.5\n": (4, "stale_periods has to be", "= 3"),
    f'{HTTP}method = "POST"\n': (4, "method has to be 'GET' or 'HEAD'", '= "GET"'),
    f"{HTTP}status = [2]\n": (4, "status has to be greater", "status = 200"),
    f'{HTTP}status = "{CANARY}"\n': (4, "status has to be a valid list", "= 200"),
    f'{HTTP}contains = ""\n': (4, "contains has to have at least 1", "in stock"),
    f'{HTTP}json_path = "a"\n': (1, "json_path and json_equals need", "correct one"),
    f'{HTTP}method = "HEAD"\ncontains = "x"\n': (1, "HEAD has no body", "correct one"),
    f'{HTTP}mismatch = "{CANARY}"\n': (4, "mismatch has to be 'degraded' or", "= "),
    f'{HTTP}headers = {{ "a b" = "c" }}\n': (4, "no header can have", "headers = {"),
    f"{HTTP}[checks.shop.headers]\naccept = 1\n": (5, "headers.accept has", "headers"),
    f'[checks.s]\ntype = "http"\nurl = "ftp://{CANARY}"\n': (3, "url has to be an", ""),
    '[checks.s]\ntype = "http"\nurl = "${NO}"\n': (3, "refers to NO, which", "set NO"),
    f"{HTTP}headers = {{ x = '${{NO}}' }}\n": (4, "headers.x refers to NO", "NO_FILE"),
    '[checks.s]\ntype = "http"\nurl = "${1}"\n': (3, "begins no name", "SHOP_TOKEN"),
    f'{HTTP}contains = "${{SET}}"\n': (4, "contains takes no ${SET}", "dsn, headers"),
    '[checks.m]\ntype = "tcp"\nhost = "a"\nport = 0\n': (4, "port has to be", "= 587"),
    '[checks.m]\ntype = "tcp"\nhost = ".a"\nport = 1\n': (3, "another form", "mail."),
    f"{TLS}warn_days = 1\n": (1, "critical_days has to be warn_days", "correct"),
    '[checks.d]\ntype = "dns"\nhost = "a"\naddresses = ["x"]\n': (
        *(4, "addresses has to be a list of IP addresses", "192.0.2.10"),
    ),
    f"{SQL}min = 3\nmax = 2\n": (1, "have to rise", "correct one"),
    f'{SQL}dsn = "mysql://{CANARY}"\n': (4, "dsn cannot be used", "REPORTS_DATABASE"),
    '[checks.jobs]\ntype = "sql"\nquery = " "\n': (3, "another form", "select count"),
    f'{NIGHTLY}grace = "-1h"\n': (4, "grace has to be greater", '= "15m"'),
    '[checks.n]\ntype = "heartbeat"\nevery = "400d"\n': (3, "every has to be", '"1d"'),
    'checks.a = { type = "tcp", host = "h" }\n': (1, "port is missing", "port = 587"),
}


@pytest.mark.parametrize("text", FAULTS, ids=repr)
def test_a_fault_is_told_with_its_line_and_its_fix(text: str) -> None:
    line, words, fix = FAULTS[text]

    [fault] = of(text, SET="x").faults

    assert (fault.line, words in fault.message) == (line, True), fault
    assert fix in fault.remedy
    assert CANARY not in f"{fault}"


def test_all_faults_are_told_at_once_and_the_others_are_declared() -> None:
    read = of(
        '[checks.a]\ntype = "tcp"\nport = "x"\nhots = "b"\n'
        f'{HTTP}[checks.c]\ntype = "dns"\n'
    )

    assert [one.name for one in read.declarations] == ["shop"]
    assert [(one.line, one.message) for one in read.faults] == [
        (1, "check 'a': host is missing"),
        (3, "check 'a': port has to be a valid integer"),
        (4, "check 'a': a check of type tcp has no field 'hots': did you mean host?"),
        (8, "check 'c': host is missing"),
    ]


def test_lines_in_a_text_of_several_are_no_fields() -> None:
    text = (
        '[checks.jobs]\ntype = "sql"\nquery = """\nmin = 1\n[checks.x]\n"""\nmin = "x"'
    )
    [fault] = of(text).faults

    assert fault.line == 7


def test_a_reference_is_replaced_where_it_may_stand() -> None:
    read = of(
        '[checks.shop]\ntype = "http"\nurl = "https://${HOST_NAME}/${PATH_}"\n'
        "headers = { authorization = 'Bearer ${TOKEN}' }\n",
        HOST_NAME="shop.example.com",
        PATH_="health\n",
        TOKEN=CANARY,
    )
    [declared] = read.declarations
    table = declared.table

    assert isinstance(table, HttpTable)
    assert table.url.get_secret_value() == "https://shop.example.com/health"
    assert table.headers["authorization"].get_secret_value() == f"Bearer {CANARY}"
    assert CANARY not in repr(read)


def test_what_refers_to_a_sealed_variable_is_not_judged() -> None:
    text = '[checks.s]\ntype = "http"\nurl = "${SECRET}"\nzzz = 1\n'

    assert parse(text, Given(sealed=frozenset({"SECRET"}))) == CheckFile()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("no/such/file.toml", "cannot be read (FileNotFoundError)"),
        (".", "cannot be read"),
        ("/dev/null", "is no regular file"),
        ("nul\0", "cannot be read (ValueError)"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_fault(path: str, words: str) -> None:
    [fault] = read_checks_file(path, Given()).faults

    assert fault.message.startswith(words) or path == "."
    assert fault.line == 0
    assert "HEALTH_CHECKS_FILE" in fault.remedy


keys = st.sampled_from(
    ["type", "url", "period", "headers", "status", "host", "port", "min", "query"]
)
values = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.dates(),
    st.sampled_from([*TABLES, "${X}", "${", "a", "https://a.example", "1d"]),
    st.lists(st.integers(), max_size=2),
)


def toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f"'{value}'"
        case _:
            return str(value)


@given(st.dictionaries(keys, values, max_size=6))
def test_no_table_raises(table: dict[str, object]) -> None:
    lines = [f"{key} = {toml(value)}" for key, value in table.items()]
    read = of("\n".join(["[checks.one]", *lines]), X="x")

    assert len(read.declarations) + bool(read.faults) == 1


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("x = " + "9" * 5000)
@example("x = " + "[" * 100_000)
@example("[checks]\n'' = {}\n")
@example("[checks.'a\n']")
@example("\ufeff")
def test_no_text_raises(text: str) -> None:
    read = of(text)

    assert all(fault.message and fault.remedy for fault in read.faults)
