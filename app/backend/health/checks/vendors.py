"""Every credential that can be proven by a read, in one list."""

from typing import Final

from app.backend.health.checks.anthropic import Anthropic
from app.backend.health.checks.openai import OpenAI
from app.backend.health.checks.pinecone import Pinecone
from app.backend.health.checks.posthog import PostHog
from app.backend.health.checks.resend import Resend
from app.backend.health.checks.sentry import SentryIngest, SentryKey
from app.backend.health.checks.slack import SlackBot, SlackWebhook
from app.backend.health.checks.stripe import Stripe
from app.backend.health.checks.supabase import SupabaseAnon, SupabaseService
from app.backend.health.checks.together import Together
from app.backend.health.checks.vendor import Vendor

__all__ = ["VENDORS"]

VENDORS: Final[tuple[Vendor, ...]] = (
    Anthropic(),
    OpenAI(),
    Together(),
    Pinecone(),
    Stripe(),
    SupabaseAnon(),
    SupabaseService(),
    Resend(),
    SentryIngest(),
    SentryKey(),
    PostHog(),
    SlackWebhook(),
    SlackBot(),
)
"""One for each credential; two of one service share its name."""
