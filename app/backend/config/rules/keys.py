"""Kinds of keys, told by their first characters.

Where the vendor documents a prefix, another one is unusual. Where it does not
(Together, Pinecone, and everybody's older keys), only a prefix that is certainly
somebody else's is wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.backend.config.findings import Severity
from app.backend.config.rules.model import Broken, Facts, Rule, severities

__all__ = ["RULES", "kind_of"]

_STRIPE_SECRET = "a Stripe secret key"  # noqa: S105 - the name of a kind
_STRIPE_RESTRICTED = "a Stripe restricted key"
_STRIPE_PUBLISHABLE = "a Stripe publishable key"
_SIGNING_SECRET = "a webhook's signing secret"  # noqa: S105 - as above
_ANTHROPIC = "an Anthropic API key"
_OPENAI = "an OpenAI API key"
_TOGETHER = "a Together API key"
_PINECONE = "a Pinecone API key"
_RESEND = "a Resend API key"
_SUPABASE_PUBLISHABLE = "a Supabase publishable key"
_SUPABASE_SECRET = "a Supabase secret key"  # noqa: S105 - as above
_JWT = "a JSON Web Token"
_POSTHOG_PROJECT = "a PostHog project key"
_POSTHOG_PERSONAL = "a PostHog personal key"
_SENTRY = "a Sentry auth token"
_SLACK_BOT = "a Slack bot token"

# From the vendors' pages on API keys (platform.claude.com, developers.openai.com,
# docs.stripe.com, supabase.com, posthog.com, resend.com, docs.slack.dev), and from
# secret scanners' rules for the rest.
_KINDS: Final[Mapping[str, str]] = {
    "sk-ant-admin": "an Anthropic Admin API key",
    "sk-ant-oat": "an Anthropic OAuth token",
    "sk-ant-": _ANTHROPIC,
    "sk-admin-": "an OpenAI Admin API key",
    "sk-proj-": _OPENAI,
    "sk-svcacct-": _OPENAI,
    "sk-or-": "an OpenRouter key",
    "gsk_": "a Groq key",
    "xai-": "an xAI key",
    "AIza": "a Google API key",
    "tgp_v1_": _TOGETHER,
    "pcsk_": _PINECONE,
    "re_": _RESEND,
    **dict.fromkeys(("sk_live_", "sk_test_", "sk_org_"), _STRIPE_SECRET),
    **dict.fromkeys(("rk_live_", "rk_test_", "rk_org_"), _STRIPE_RESTRICTED),
    **dict.fromkeys(("pk_live_", "pk_test_"), _STRIPE_PUBLISHABLE),
    "whsec_": _SIGNING_SECRET,
    "we_": "the id of a Stripe webhook endpoint",
    "sb_publishable_": _SUPABASE_PUBLISHABLE,
    "sb_secret_": _SUPABASE_SECRET,
    "sbp_": "a Supabase personal access token",
    "eyJ": _JWT,
    "phc_": _POSTHOG_PROJECT,
    "phx_": _POSTHOG_PERSONAL,
    "phs_": "a PostHog project secret key",
    "pha_": "a PostHog OAuth token",
    **dict.fromkeys(("sntrys_", "sntryu_", "sntryi_"), _SENTRY),
    # With token rotation (docs.slack.dev, using token rotation).
    **dict.fromkeys(("xoxb-", "xoxe.xoxb-"), _SLACK_BOT),
    **dict.fromkeys(("xoxp-", "xoxe.xoxp-"), "a Slack user token"),
    "xoxe-": "a Slack refresh token",
    "xapp-": "a Slack app-level token",
    **dict.fromkeys(("ghp_", "gho_", "ghs_", "github_pat_"), "a GitHub token"),
    "AKIA": "an AWS access key id",
    **dict.fromkeys(("postgres://", "postgresql"), "a database URL"),
    **dict.fromkeys(("redis://", "rediss://"), "a Redis URL"),
    **dict.fromkeys(("http://", "https://"), "a URL"),
}
_BY_LENGTH: Final = sorted(_KINDS, key=len, reverse=True)
_SHORTEST: Final = 12
"""Characters after the prefix: 62 bits at best, which no vendor is content with."""


@dataclass(frozen=True, slots=True)
class _Expected:
    """What a variable is for.

    Attributes:
        kinds: of keys that belong there.
        begins: the prefixes that the vendor documents; none: it documents none.
    """

    kinds: frozenset[str]
    begins: tuple[str, ...] = ()


def _expect(*kinds: str, begins: tuple[str, ...] = ()) -> _Expected:
    return _Expected(frozenset(kinds), begins)


_SUPABASE = _expect(
    _SUPABASE_PUBLISHABLE, _SUPABASE_SECRET, _JWT, begins=("eyJ", "sb_")
)
_EXPECTED: Final[Mapping[str, _Expected]] = {
    "ANTHROPIC_API_KEY": _expect(_ANTHROPIC, begins=("sk-ant-",)),
    "OPENAI_API_KEY": _expect(_OPENAI, begins=("sk-",)),
    "TOGETHER_API_KEY": _expect(_TOGETHER),
    "PINECONE_API_KEY": _expect(_PINECONE),
    "RESEND_API_KEY": _expect(_RESEND, begins=("re_",)),
    "STRIPE_SECRET_KEY": _expect(
        _STRIPE_SECRET, _STRIPE_RESTRICTED, begins=("sk_", "rk_")
    ),
    "STRIPE_PUBLISHABLE_KEY": _expect(_STRIPE_PUBLISHABLE, begins=("pk_",)),
    "STRIPE_WEBHOOK_SECRET": _expect(_SIGNING_SECRET, begins=("whsec_",)),
    "STRIPE_WEBHOOK_SECRET_PREVIOUS": _expect(_SIGNING_SECRET, begins=("whsec_",)),
    "SUPABASE_ANON_KEY": _SUPABASE,
    "SUPABASE_SERVICE_ROLE_KEY": _SUPABASE,
    "POSTHOG_PROJECT_API_KEY": _expect(_POSTHOG_PROJECT, begins=("phc_",)),
    "POSTHOG_PERSONAL_API_KEY": _expect(_POSTHOG_PERSONAL, begins=("phx_",)),
    "SENTRY_AUTH_TOKEN": _expect(_SENTRY),
    "SLACK_BOT_TOKEN": _expect(_SLACK_BOT, begins=("xoxb-", "xoxe.xoxb-")),
}


def kind_of(text: str) -> str | None:
    """What a value certainly is, in words with an article; None: nobody knows."""
    return next((_KINDS[p] for p in _BY_LENGTH if text.startswith(p)), None)


def _wrong_kind(facts: Facts) -> Broken:
    for name, expected in _EXPECTED.items():
        text = _judged(facts, name)
        kind = kind_of(text) if text else None
        if kind and kind not in expected.kinds:
            yield name, f"is {kind}"


def _unknown_shape(facts: Facts) -> Broken:
    for name, expected in _EXPECTED.items():
        text = _judged(facts, name)
        if text and not kind_of(text) and not text.startswith(expected.begins or ""):
            begins = " or ".join(expected.begins)
            yield name, f"does not begin with {begins}, as such keys do"


def _cut_off(facts: Facts) -> Broken:
    for name, expected in _EXPECTED.items():
        text = _judged(facts, name) or ""
        kind = kind_of(text)
        if not text or (kind and kind not in expected.kinds):
            continue
        starts = (
            one for one in (*_BY_LENGTH, *expected.begins) if text.startswith(one)
        )
        if len(text) - len(max(starts, key=len, default="")) < _SHORTEST:
            yield name, "is cut off: next to nothing follows where such keys begin"


def _judged(facts: Facts, name: str) -> str | None:
    """The value, unless a stand-in for the vendor's API has keys of its own."""
    vendor = name.partition("_")[0]
    own_api = (f"HEALTH_{vendor}_BASE_URL", f"{vendor}_BASE_URL")
    if any(facts.variables.values.get(one) for one in own_api):
        return None
    return facts.text(name)


RULES: Final = (
    Rule(
        name="wrong-kind-of-key",
        variables=tuple(_EXPECTED),
        severity=severities(Severity.ERROR, Severity.ERROR, Severity.WARNING),
        reason="the prefix belongs to another kind of key, which this variable's"
        " service refuses; a secret one must not stand where a public one is shown",
        remedy="put the key of the kind that the variable's name says there, and"
        " revoke the other one if it was published",
        broken=_wrong_kind,
    ),
    Rule(
        name="unknown-kind-of-key",
        variables=tuple(name for name, one in _EXPECTED.items() if one.begins),
        severity=severities(Severity.WARNING, Severity.WARNING),
        reason="the vendor documents another prefix; older keys may have none",
        remedy="compare it with the key in the vendor's dashboard",
        broken=_unknown_shape,
    ),
    Rule(
        name="cut-off-key",
        variables=tuple(_EXPECTED),
        severity=severities(Severity.ERROR, Severity.WARNING),
        reason="nobody gives out keys so short that they could be guessed",
        remedy="copy the whole key again from the vendor's dashboard",
        broken=_cut_off,
    ),
)
