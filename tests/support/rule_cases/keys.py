"""Keys of vendors."""

from collections.abc import Iterator

from tests.support.plausible import key
from tests.support.rule_cases.case import ERROR, PRODUCTION, WARNING, Case, alike, case

__all__ = ["keys_cases"]


def keys_cases() -> Iterator[Case]:
    for name, text in {
        "ANTHROPIC_API_KEY": "sk-ant-admin01-" + key("x"),
        "OPENAI_API_KEY": "sk-ant-api03-" + key("x"),
        "TOGETHER_API_KEY": "sk-proj-" + key("x"),
        "PINECONE_API_KEY": "https://index-abc.svc.pinecone.io",
        "RESEND_API_KEY": key("whsec"),
        "STRIPE_SECRET_KEY": key("pk", "live"),
        "STRIPE_WEBHOOK_SECRET": key("we"),
        "SUPABASE_ANON_KEY": key("sbp"),
        "POSTHOG_PROJECT_API_KEY": key("phx"),
        "POSTHOG_PERSONAL_API_KEY": key("phc"),
        "SENTRY_AUTH_TOKEN": "https://4f1c9a7e@o4.ingest.sentry.io/45",
        "SLACK_BOT_TOKEN": "xapp-1-" + key("A"),
    }.items():
        yield from alike(
            f"another kind of key as {name}",
            {name: text},
            name,
            "wrong-kind-of-key",
            production=ERROR,
            staging=ERROR,
            development=WARNING,
        )
    for name in (
        *("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "RESEND_API_KEY"),
        *("STRIPE_WEBHOOK_SECRET", "POSTHOG_PROJECT_API_KEY", "SUPABASE_ANON_KEY"),
    ):
        yield from alike(
            f"a key of no known kind as {name}",
            {name: key("zz")},
            name,
            "unknown-kind-of-key",
            production=WARNING,
            staging=WARNING,
            development=None,
        )
    for name, text in {
        "ANTHROPIC_API_KEY": "sk-ant-",
        "OPENAI_API_KEY": "sk-",
        "TOGETHER_API_KEY": "a",
        "PINECONE_API_KEY": "pcsk_",
        "RESEND_API_KEY": "re_12",
        "STRIPE_WEBHOOK_SECRET": "whsec_",
        "POSTHOG_PROJECT_API_KEY": "phc_",
        "SLACK_BOT_TOKEN": "xoxb-",
    }.items():
        yield from alike(
            f"{name} cut off",
            {name: text},
            name,
            "cut-off-key",
            production=ERROR,
            staging=WARNING,
            development=None,
        )
    yield from _rest()


def _rest() -> Iterator[Case]:
    for name, text in {
        "STRIPE_SECRET_KEY": "sk_live_",
        "STRIPE_PUBLISHABLE_KEY": "pk_live_",
    }.items():
        yield case(
            f"{name} cut off", PRODUCTION, {name: text}, (name, ERROR, "cut-off-key")
        )
    for name, text in {
        "TOGETHER_API_KEY": key("tgp", "v1"),
        "PINECONE_API_KEY": "7a1c02de-93bf-4e58-8a6d-0f5b9c3e2d41",
        "OPENAI_API_KEY": "sk-svcacct-" + key("x"),
        "STRIPE_SECRET_KEY": key("rk", "live"),
        "POSTHOG_PERSONAL_API_KEY": key("phx"),
        "SLACK_BOT_TOKEN": "xoxe.xoxb-1-" + key("x"),
    }.items():
        yield case(f"another good key as {name}", PRODUCTION, {name: text})
    yield case(
        "a key of a compatible API",
        PRODUCTION,
        {"OPENAI_API_KEY": "sk-or-v1-x", "OPENAI_BASE_URL": "https://ai.pm33.app"},
    )
    test, live = "stripe-test-key", "stripe-live-key"
    for name, start in {
        "STRIPE_SECRET_KEY": "sk",
        "STRIPE_PUBLISHABLE_KEY": "pk",
    }.items():
        found = (name, ERROR, test)
        yield case(f"test {name}", PRODUCTION, {name: key(start, "test")}, found)
        yield from alike(
            f"live {name}",
            {name: key(start, "live")},
            name,
            live,
            staging=ERROR,
            development=ERROR,
        )
    yield case(
        "a restricted test key",
        PRODUCTION,
        {"STRIPE_SECRET_KEY": key("rk", "test")},
        ("STRIPE_SECRET_KEY", ERROR, test),
    )
