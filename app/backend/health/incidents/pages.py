"""Where vendors tell of their incidents, and which of it concerns us.

A page is here if it is known to be of Statuspage's shape. Three are not:

- Together's is of Better Stack, which has ``/index.json`` of a shape of its own
  (https://betterstack.com/docs/uptime/status-pages/subscribing-to-status-updates/);
- PostHog's (www.posthogstatus.com) documents no API;
- Slack's is https://slack-status.com/api/v2.0.0/current, of a shape of its own
  (https://api.slack.com/docs/slack-status).

``HEALTH_<CHECK>_STATUS_URL`` may name one for these as well, such as a mirror.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.backend.config.environment import Config

__all__ = ["OFF", "PAGES", "StatusPage", "page_for"]

OFF: Final = "off"
"""The value of ``HEALTH_<CHECK>_STATUS_URL`` that asks no page."""


@dataclass(frozen=True, slots=True)
class StatusPage:
    """One vendor's page.

    Attributes:
        url: of its ``summary.json``.
        components: names of those that what we ask stands on.
        domain: whose hosts it tells of.
    """

    url: str
    components: re.Pattern[str]
    domain: str = ""


def _page(url: str, components: str, domain: str) -> StatusPage:
    return StatusPage(url, re.compile(components, re.IGNORECASE), domain)


PAGES: Final[Mapping[str, StatusPage]] = {
    # Anthropic's own clients name status.claude.com in the message of a 529
    # (https://github.com/anthropics/claude-code/issues/63051); status.anthropic.com
    # redirects there. "Claude API (api.anthropic.com)" stands beside claude.ai and the
    # console.
    "anthropic": _page(
        "https://status.claude.com/api/v2/summary.json",
        r"^Claude API\b|^API$",
        "anthropic.com",
    ),
    # The page that https://developers.openai.com/docs/guides/error-codes sends to with
    # a 500. Its components are endpoints, beside those of ChatGPT and Codex.
    "openai": _page(
        "https://status.openai.com/api/v2/summary.json",
        r"^(API|Chat Completions|Responses|Embeddings)$",
        "openai.com",
    ),
    # Pinecone's release notes of 17 October 2022 name it. The control plane, which is
    # asked, is "Index Management"; of the data plane there is one for each region.
    "pinecone": _page(
        "https://status.pinecone.io/api/v2/summary.json",
        r"^Index Management$",
        "pinecone.io",
    ),
    # status.stripe.com leads here by now; what it served before is frozen.
    "stripe": _page(
        "https://www.stripestatus.com/api/v2/summary.json", r"\bAPIs?\b", "stripe.com"
    ),
    # https://supabase.com/docs/guides/platform names it; it is incident.io's by now
    # (https://github.com/orgs/supabase/discussions/51465).
    "supabase": _page(
        "https://status.supabase.com/api/v2/summary.json",
        r"^(API Gateway|Auth)$",
        "supabase.co",
    ),
    # https://resend.com/docs/api-reference/errors sends there with a 500.
    "resend": _page(
        "https://resend-status.com/api/v2/summary.json", r"\bAPI\b", "resend.com"
    ),
    # Named by https://github.com/getsentry/status-page-list, Sentry's own list.
    # Ingestion and the API are asked; the page has several of both, by region.
    "sentry": _page(
        "https://status.sentry.io/api/v2/summary.json",
        r"\bIngestion\b|\bAPI\b",
        "sentry.io",
    ),
}
"""By the check's name.

No vendor documents the names of its components. Those of Anthropic, OpenAI, Pinecone,
Supabase and Resend are as people saw them in 2026, Stripe's and Sentry's are taken by
their words. A page that lists none of them counts as one that cannot be read.
"""

_ANY: Final = re.compile("")


def page_for(name: str, host: str, config: Config) -> StatusPage | None:
    """The page that tells of what this check asks; None: there is none, or it is off.

    The vendor's page says nothing of what is asked elsewhere: of a proxy, of one's own
    Sentry. A page that ``HEALTH_<CHECK>_STATUS_URL`` names is asked in any case; if the
    table has none for the vendor, every component of it concerns us.

    Args:
        name: the check's.
        host: where the check asks.
        config: with its knobs.
    """
    knobs = config.health.checks.get(name)
    named = ((knobs and knobs.status_url) or "").strip()
    known = PAGES.get(name)
    if named:
        components = known.components if known else _ANY
        return None if named.lower() == OFF else StatusPage(named, components)
    if known is None or not f".{host}".endswith(f".{known.domain}"):
        return None
    return known
