"""What looks like a secret, whether or not the configuration knows it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["is_sensitive_key", "looks_secret"]


@dataclass(frozen=True, slots=True)
class _Rule:
    """One family of secrets.

    Attributes:
        hints: lower-case; a text without any of them is not searched.
        patterns: the group ``s`` of each is what has to go.
    """

    hints: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]


_NAME = (
    r"(?i:authorization|cookie|passw(?:or)?d|passphrase|secret"
    r"|(?:api|access|private|secret)[_-]?key|token|signature)"
)
_SENSITIVE_KEY = re.compile(rf"{_NAME}$")
# A value in quotes that may themselves be escaped, as in JSON inside JSON.
_QUOTED = r"b?(?P<q>\\*[\"'])(?P<s>[^\r\n]*?)(?<!\\)(?P=q)"

_FIELDS = _Rule(
    ("authorization", "cookie", "pass", "secret", "key", "token", "signature"),
    (
        # {"password": "..."}, {'password' => '...'}
        re.compile(rf"{_NAME}\\*[\"']\s*(?::|=>)\s*{_QUOTED}"),
        # (b'authorization', b'...'), as servers keep headers
        re.compile(rf"[(\[]b?\\*[\"'][\w-]*{_NAME}\\*[\"'],\s*{_QUOTED}"),
        # password='...' of a repr; with spaces in a traceback's list of locals
        re.compile(rf"{_NAME}\s*=\s*{_QUOTED}"),
        # ?password=... of a URL, or a connection string
        re.compile(rf"{_NAME}=(?P<s>[^\s&;,\"'<>\\)\]}}]+)"),
        re.compile(
            r"(?i:authorization|api-key|auth-token)\s*:\s*"
            r"(?P<s>(?:[A-Za-z][\w-]*[ \t]+)?[^\s\"'\\,;]+)"
        ),
        re.compile(r"(?i:cookie)\s*:\s*(?P<s>[^\r\n\"'\\]+)"),
    ),
)

# RFC 7617 and RFC 6750, also without the header's name before them. Basic needs a
# digit, a capital or padding: "basic settings" is no credential.
_CREDENTIALS = _Rule(
    ("bearer", "basic"),
    (
        re.compile(r"(?i:\bbearer)(?:\s|%20|\+)+(?P<s>[\w.~+/=%-]{6,})", re.ASCII),
        re.compile(
            r"(?i:\bbasic)\s+(?P<s>(?=[a-z+/]*[0-9A-Z=])[A-Za-z0-9+/_-]{6,}={0,2})"
        ),
    ),
)

# Prefixes that the vendors of the specification, and GitHub, AWS, Google and Sentry,
# print in their documentation of API keys.
_VENDORS = (
    _Rule(
        ("sk-", "sk_", "rk_", "whsec_", "xox", "xapp-", "re_"),
        (
            re.compile(
                r"(?<![A-Za-z0-9])(?P<s>sk-[\w-]{8,}|[rs]k_(?:live|test)_\w{6,}"
                r"|whsec_[\w+/=-]{6,}|xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}"
                r"|re_(?=[A-Za-z_]*\d)\w{8,})",
                re.ASCII,
            ),
        ),
    ),
    _Rule(
        ("phc_", "phx_", "phs_", "pcsk_", "sntry", "sbp_", "akia", "asia", "aiza"),
        (
            re.compile(
                r"(?<![A-Za-z0-9])(?P<s>(?:ph[cxs]_|pcsk_|sbp_)\w{8,}"
                r"|sntry[su]_[\w+/=-]{8,}|(?:AKIA|ASIA)[0-9A-Z]{12,}|AIza[\w-]{30,})",
                re.ASCII,
            ),
        ),
    ),
    _Rule(
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        (
            re.compile(
                r"(?<![A-Za-z0-9])(?P<s>(?:gh[pousr]|github_pat)_\w{20,})", re.ASCII
            ),
        ),
    ),
)

_RULES = (
    _FIELDS,
    _CREDENTIALS,
    *_VENDORS,
    # The password of a URL (RFC 3986 §3.2.1); the user is kept.
    _Rule(
        ("://",),
        (re.compile(r"://[^\s/?#@:\"'<>\\]*:(?P<s>[^\s/?#\"'<>\\]+)@"),),
    ),
    # JWT (RFC 7519): a header that begins with {" in base64url, payload, signature.
    _Rule(
        ("eyj",),
        (re.compile(r"(?P<s>eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?)", re.ASCII),),
    ),
    # PEM (RFC 7468), also cut before its end, or with escaped line ends.
    _Rule(
        ("private key-----",),
        (
            re.compile(
                r"BEGIN [A-Z ]*PRIVATE KEY-----"
                r"(?P<s>[\s\S]{0,16384}?(?=-----END)|(?:[A-Za-z0-9+/=\s]|\\+[nr])++)"
            ),
        ),
    ),
)


@lru_cache(maxsize=1024)
def is_sensitive_key(name: str) -> bool:
    """Whether a field, header or parameter of this name holds a secret."""
    return _SENSITIVE_KEY.search(name) is not None


def looks_secret(text: str) -> Iterator[tuple[int, int]]:
    """Yields start and end of everything in ``text`` that looks like a secret."""
    lower = text.lower()
    for rule in _RULES:
        for hint in rule.hints:
            if hint in lower:
                for pattern in rule.patterns:
                    yield from (match.span("s") for match in pattern.finditer(text))
                break
