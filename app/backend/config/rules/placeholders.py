"""Values that stand for one: the documentation's own, and what people write instead."""

import re
from typing import Final

from app.backend.config.rules.known import SECRETS

__all__ = ["JUDGED", "is_placeholder"]

JUDGED: Final = (*SECRETS, "SUPABASE_URL", "STRIPE_PUBLISHABLE_KEY")
"""The variables for which no placeholder can be the real value."""

_WHOLE = re.compile(
    r"(?:[a-z]+[-_])*x{3,}|change[-_ ]?(?:me|this|it)|replace[-_ ]?(?:me|this)|"
    r"to[-_ ]?do|tbd|fixme|none|null|nil|undefined|dummy|fake|test|testing|example|"
    r"secret|password|placeholder|(?:my|the)[-_ ]?(?:secret|password|token|key)|"
    r"<[a-z][a-z0-9 _-]*>"
)
# Narrow enough that no key drawn from all of ASCII's characters is hit by chance.
_ANYWHERE = re.compile(
    r"\.\.\.$|\u2026|x{6,}|\*{4,}|\u2022{3,}|"
    r"(?:^|[/:@_-])<[a-z][a-z _-]+>(?:$|[/:@._-])|"
    r"\$\{\{? ?[a-z_][\w. -]{4,}\}|\{\{ ?[a-z_][\w. -]{2,}\}\}|"
    r"\byour[-_ ]|[-_]here\b|change[-_]?me\b|replace[-_]?me\b|placeholder|"
    r"chars[-_]minimum|examplepublickey|xyzcompany|@host(?:name)?[:/]|"
    r"/services/t0{6,}|"
    # The one that tutorials show; development's real ones name another database.
    r"://user(?:name)?:pass(?:word)?@[^/]+/(?:dbname|db_name|database|mydatabase)\b"
)
_UNEXPANDED = re.compile(r"\$[A-Z][A-Z_]+")


def is_placeholder(name: str, text: str) -> bool:
    """Whether a value is certainly not real.

    Only words that no random key holds by chance are looked for inside a value.
    """
    if name not in JUDGED:
        return False
    lower = text.lower()
    return bool(
        _WHOLE.fullmatch(lower)
        or _ANYWHERE.search(lower)
        or _UNEXPANDED.fullmatch(text)
    )
