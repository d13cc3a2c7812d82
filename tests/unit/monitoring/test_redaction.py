"""Secrets are hidden whatever way they were written on their way out."""

import base64
import html
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import override

from app.backend.config.environment import read_config
from app.backend.monitoring.redaction import MARKER, Redactor

CANARY = "c4nary/+k\"ey\\ 'é☃ 😀%&<z9\nq7Rt-x2"
PEM = """\
-----BEGIN EC PRIVATE KEY-----
bm90IGEga2V5LCBidXQgbG9uZyBlbm91Z2ggdG8gbG9vayBsaWtlIG9uZS4uLi4u
c2Vjb25kIGxpbmUgb2Ygd2hhdCBpcyBub3QgYSBrZXk+++++//Q=
-----END EC PRIVATE KEY-----"""


def _json(text: str, *, ascii_only: bool = True) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


# Without the quotes and the padding around it, so that a test can look for them.
ENCODINGS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "quote": quote,
    "quote without safe characters": lambda s: quote(s, safe=""),
    "quote_plus": quote_plus,
    "quote in lower case": lambda s: _lower_percent(quote(s, safe="")),
    "quote twice": lambda s: quote(quote(s, safe=""), safe=""),
    "base64": lambda s: _base64(s.encode()),
    "base64 behind one byte": lambda s: _base64(b":" + s.encode()),
    "base64 behind two": lambda s: _base64(b"u:" + s.encode()),
    "base64 inside": lambda s: _base64(f"me:{s}:you".encode()),
    "urlsafe base64": lambda s: base64.urlsafe_b64encode(s.encode()).decode(),
    "base64 in a URL": lambda s: quote(_base64(s.encode()), safe=""),
    "hex": lambda s: s.encode().hex(),
    "upper-case hex": lambda s: s.encode().hex().upper(),
    "JSON": _json,
    "JSON in Unicode": lambda s: _json(s, ascii_only=False),
    "JSON in JSON": lambda s: _json(_json(s)),
    "JSON in JSON in JSON": lambda s: _json(_json(_json(s))),
    "repr": lambda s: repr(s)[1:-1],
    "repr with escaped quotes": lambda s: repr(s + "'\"")[1:-4],
    "ascii": lambda s: ascii(s)[1:-1],
    "repr of bytes": lambda s: repr(s.encode())[2:-1],
    "repr in JSON": lambda s: _json(repr(s)[1:-1]),
    "JSON in a URL": lambda s: quote(_json(s)),
    "HTML": html.escape,
    "HTML twice": lambda s: html.escape(html.escape(s)),
    "HTML in ASCII": lambda s: s.encode("ascii", "xmlcharrefreplace").decode(),
    "CRLF": lambda s: s.replace("\n", "\r\n"),
}

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
# Quotes, backslashes and line ends are what encodings quarrel about: make them common.
secrets = st.text(
    st.one_of(
        st.sampled_from("\"'\\\n%&+/= <é☃😀\x00\x85abz09_-."),
        st.characters(exclude_categories=["Cs"]),
    ),
    min_size=6,
    max_size=40,
).filter(lambda s: len(s.strip()) >= 6 and "\r" not in s)


def _lower_percent(text: str) -> str:
    head, *tail = text.split("%")
    return head + "".join(f"%{t[:2].lower()}{t[2:]}" for t in tail)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_canary_is_hidden_in_every_encoding(encoding: str) -> None:
    encoded = ENCODINGS[encoding](CANARY)
    clean = Redactor([CANARY]).redact(f"before {encoded} after")
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    assert MARKER in clean
    assert not [piece for piece in ("c4nary", "x2", "q7Rt") if piece in clean]


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_no_secret_survives_in_any_text(encoding: str, data: st.DataObject) -> None:
    secret = data.draw(secrets)
    text = data.draw(texts) + ENCODINGS[encoding](secret) + data.draw(texts)
    left = Redactor([secret]).redact(text).split(MARKER)
    assert len(left) > 1
    for name, encode in ENCODINGS.items():
        assert not [piece for piece in left if encode(secret) in piece], name


@pytest.mark.parametrize("slash", ["/", "_", "%2F", "%252f", r"\/", r"\\/"])
@pytest.mark.parametrize(
    ("secret", "around"),
    [("00000\x80?", "00000\x80?\x85"), ("😀abcdef", "s😀abcdef")],
    ids=["behind", "before"],
)
def test_base64_is_hidden_whose_character_at_its_edge_is_escaped(
    slash: str, secret: str, around: str
) -> None:
    """It shares that character, a slash, with what stands beside it."""
    encoded = _base64(around.encode())
    assert encoded.count("/") == 1
    redacted = Redactor([secret]).redact(f"<{encoded.replace('/', slash)}>")
    assert MARKER in redacted
    assert slash not in redacted


@settings(deadline=None, max_examples=200)
@given(st.lists(secrets, max_size=3), st.lists(texts | secrets, max_size=6))
def test_redacting_twice_changes_nothing(known: list[str], pieces: list[str]) -> None:
    redactor = Redactor(known)
    rules = ("password=", "Bearer ", "://u:", "@", '{"token": "', "sk-", "eyJhbGciOi.")
    text = "".join(a + b for a, b in zip(pieces, rules, strict=False))
    clean = redactor.redact(text + "".join(known))
    assert redactor.redact(clean) == clean


@pytest.mark.parametrize(
    ("url", "text", "clean"),
    [
        (
            "postgresql://ops:s3cr%40t-pw@db.internal:5432/ops",
            "login of ops with s3cr@t-pw (s3cr%40t-pw) refused by db.internal",
            f"login of ops with {MARKER} ({MARKER}) refused by db.internal",
        ),
        ("redis://:cachepw1@cache", "AUTH cachepw1", f"AUTH {MARKER}"),
        (
            "https://0a1b2c3d4e5f@o1.ingest.sentry.io/1",
            "sentry_key:0a1b2c3d4e5f of o1.ingest.sentry.io",
            f"sentry_key:{MARKER} of o1.ingest.sentry.io",
        ),
        (
            "https://hooks.slack.com/services/T0/B0/aBcDeFgHiJkLmNoPqR",
            "POST /services/T0/B0/aBcDeFgHiJkLmNoPqR",
            f"POST /services/T0/B0/{MARKER}",
        ),
        (
            "postgresql://ops@db/ops?sslpassword=keyfile-pw",
            "key: keyfile-pw",
            f"key: {MARKER}",
        ),
        ("postgresql://ops:p@ss:w0rd@db/ops", "got p@ss:w0rd", f"got {MARKER}"),
    ],
)
def test_what_is_secret_inside_a_url_is_known_by_itself(
    url: str, text: str, clean: str
) -> None:
    assert Redactor([url]).redact(text) == clean


def test_the_name_of_a_user_is_no_secret_even_as_a_password() -> None:
    urls = ["postgresql://postgres:postgres@db/app", "postgresql://postgres@db/app"]
    assert Redactor(urls).redact("postgresql is up") == "postgresql is up"


@pytest.mark.parametrize("line", PEM.splitlines()[1:-1])
def test_each_line_of_a_key_is_hidden_alone(line: str) -> None:
    assert Redactor([PEM]).redact(f"    {line}") == f"    {MARKER}"


def test_a_secret_with_the_line_ends_of_windows_is_found_without_them() -> None:
    assert Redactor(["ab cd\r\nef gh"]).redact("<ab cd\nef gh>") == f"<{MARKER}>"


def test_base64_keeps_no_bits_of_a_secret_at_its_edges() -> None:
    # bWVjYW5hcnktMTp4eXo=: the "V" and the "T" hold bits of the secret's edges.
    text = base64.b64encode(b"mecanary-1:xyz").decode()
    assert Redactor(["canary-1"]).redact(text) == f"bW{MARKER}p4eXo="


def test_the_frame_of_a_key_is_no_secret() -> None:
    frame = "expected -----BEGIN EC PARAMETERS-----"
    assert Redactor([PEM]).redact(frame) == frame


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("abcdefghijklmnop...", MARKER),
        ("abcdefghijkl… rest", f"{MARKER} rest"),
        ("'abcdefghijkl-mn.op...'", f"'{MARKER}'"),
        ('"abcdefghijkl\\u2026"', f'"{MARKER}"'),
        ("...s-tu/vwxyz0123", MARKER),
        ("abcdefghijk...", "abcdefghijk..."),
        ("abcdefghijklmnop", "abcdefghijklmnop"),
    ],
)
def test_a_long_secret_is_hidden_though_it_was_cut(text: str, clean: str) -> None:
    known = ["abcdefghijklmnop-q.rs-tu/vwxyz0123", "abcdefghijkl-mn.op/qrs"]
    assert Redactor(known).redact(text) == clean


def test_a_url_that_was_cut_is_hidden_from_its_password_on() -> None:
    redactor = Redactor(["postgresql://ops:s3cr4t-pw@db.internal/ops"])
    assert redactor.redact("postgresql://ops:s3c...") == MARKER
    assert redactor.redact("postgresql://...") == "postgresql://..."
    assert redactor.redact("...@db.internal/ops") == "...@db.internal/ops"


def test_a_very_long_secret_is_hidden_though_it_was_cut_late() -> None:
    known = "".join(f"{number:04x}" for number in range(400))
    assert Redactor([known]).redact(f"<{known[:1000]}...>") == f"<{MARKER}>"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("redis://:pw@h/0", "redis://:[redacted]@h/0"),
        ("see https://me:p%40w@h/x?y", "see https://me:[redacted]@h/x?y"),
        ("Authorization: Bearer abc", "Authorization: [redacted]"),
        ("authorization: Token abc, x", "authorization: [redacted], x"),
        ("sent Bearer abc.def-123 to", "sent Bearer [redacted] to"),
        ("Basic dXNlcjpwdw== sent", "Basic [redacted] sent"),
        ("{'authorization': 'Basic x'}", "{'authorization': '[redacted]'}"),
        ("(b'cookie', b'sid=1; b=2')", "(b'cookie', b'[redacted]')"),
        ("Set-Cookie: sid=1; Path=/", "Set-Cookie: [redacted]"),
        ("GET /x?api_key=abc&b=2", "GET /x?api_key=[redacted]&b=2"),
        ("    password = 'it\\'s'", "    password = '[redacted]'"),
        (
            '{"client_secret": "a\\"b", "n": 1}',
            '{"client_secret": "[redacted]", "n": 1}',
        ),
        ('"{\\"token\\": \\"a b\\"}"', '"{\\"token\\": \\"[redacted]\\"}"'),
        ("X-Api-Key: abc", "X-Api-Key: [redacted]"),
        ("sk-ant-api03-abcdef", MARKER),
        ("sk_live_51Habcdef rk_test_abcdef", f"{MARKER} {MARKER}"),
        ("whsec_abcdef phx_abcdefgh phc_abcdefgh", f"{MARKER} {MARKER} {MARKER}"),
        ("xoxb-123-abcdef re_a1b2c3d4_e5f6", f"{MARKER} {MARKER}"),
        ("AKIAIOSFODNN7EXAMPLE", MARKER),
        ("ghp_0123456789abcdefghij", MARKER),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.sig-n_1", MARKER),
        (PEM, f"-----BEGIN EC PRIVATE KEY-----{MARKER}-----END EC PRIVATE KEY-----"),
    ],
)
def test_what_looks_like_a_secret_is_hidden_from_those_who_do_not_know_it(
    text: str, clean: str
) -> None:
    assert Redactor([]).redact(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "PM33_ADMIN_TOKEN: is missing; set it",
        '{"message": "no cookie", "path": "/x"}',
        "max_tokens=100 for the basic settings",
        "postgresql+asyncpg://ops@db.internal:5432/ops is up at 12:00",
        "task-force re_connecting to host:8000 by user@example.org",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert Redactor(["another secret"]).redact(text) == text


def test_a_short_secret_is_hidden_as_a_whole_value_only() -> None:
    redactor = Redactor(["abc12"])
    assert redactor.redact("abc123 abc12") == "abc123 abc12"
    assert redactor.redact_value({"pin": "abc12"}) == {"pin": MARKER}
    assert redactor.redact_fields({"pin": "abc12"}) == {"pin": MARKER}


def test_overlapping_secrets_leave_nothing_of_each_other() -> None:
    redactor = Redactor(["abcdefgh", "efghijkl"])
    assert redactor.redact("<abcdefghijkl>") == f"<{MARKER}>"


def test_secrets_side_by_side_become_one_marker() -> None:
    redactor = Redactor(["abcdefgh", "ijklmnop"])
    assert redactor.redact("<abcdefghijklmnop>") == f"<{MARKER}>"


@pytest.mark.parametrize("known", ["redact", "[redacted]", "acted]abc", "]abcdef"])
def test_a_secret_that_looks_like_the_marker_does_no_harm(known: str) -> None:
    redactor = Redactor([known, "another1"])
    clean = redactor.redact("<another1abcdef>")
    assert redactor.redact(clean) == clean
    assert "another1" not in clean
    assert clean.count(MARKER) == 1


def test_data_is_walked_with_its_keys() -> None:
    clean = Redactor(["canary-1", "1234567"]).redact_value(
        {
            "canary-1": ["x canary-1", ("canary-1", {"canary-1"})],
            b"password": b"other",
            "nested": {"api_key": ["a", "b"], "token": True, "tokens": 7},
            "headers": [(b"authorization", b"Token x"), (b"accept", b"*/*")],
            "numbers": [1234567, 1.5, float("inf"), None, False],
            "error": ValueError("canary-1"),
        }
    )
    assert clean == {
        MARKER: [f"x {MARKER}", [MARKER, [MARKER]]],
        "password": MARKER,
        "nested": {"api_key": MARKER, "token": True, "tokens": 7},
        "headers": [["authorization", MARKER], ["accept", "*/*"]],
        "numbers": [MARKER, 1.5, "inf", None, False],
        "error": f"ValueError('{MARKER}')",
    }
    assert json.loads(json.dumps(clean)) == clean


def test_a_value_without_end_is_cut() -> None:
    endless: list[Any] = ["x"]
    endless.append(endless)
    clean = json.dumps(Redactor([]).redact_value(endless))
    assert clean.count("x") < 20
    assert "[omitted]" in clean


def test_a_value_without_measure_is_cut() -> None:
    assert len(Redactor([]).redact_value(["x"] * 50_000)) <= 10_000


@dataclass
class Hostile(Mapping[str, str]):
    """An object of which everything raises."""

    @override
    def __getitem__(self, key: str) -> NoReturn:
        raise RuntimeError(key)

    @override
    def __iter__(self) -> Iterator[str]:
        raise RecursionError

    @override
    def __len__(self) -> NoReturn:
        raise RuntimeError

    @override
    def __repr__(self) -> NoReturn:
        raise RuntimeError


def test_an_object_that_raises_is_named_instead() -> None:
    clean = Redactor([]).redact_value({"a": Hostile(), "b": 10**5000, "c": 1})
    assert clean == {
        "a": "<Hostile that cannot be shown: RecursionError>",
        "b": "<int that cannot be shown: ValueError>",
        "c": 1,
    }


def test_every_secret_of_the_configuration_is_hidden() -> None:
    config = read_config(
        {
            "DATABASE_URL": "postgresql://ops:canary-db@h/ops",
            "SECRET_KEY": "canary-key",
            "OPENAI_API_KEY": "canary-ai",
        }
    )
    redactor = Redactor(config.secrets())
    assert "canary" not in redactor.redact("canary-db canary-key canary-ai")


def test_a_long_line_takes_no_long_time() -> None:
    redactor = Redactor([CANARY, PEM, "\\\"'" * 4])
    for hard in ("\\" * 20_000, "password='" * 2_000, "://u:" * 4_000, "eyJ" * 7_000):
        assert len(redactor.redact(hard)) <= 60_000
