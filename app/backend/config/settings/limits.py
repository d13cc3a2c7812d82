"""Settings of how much the application asks of its vendors."""

from typing import Annotated

from pydantic import Field

from app.backend.config.settings.values import Group

__all__ = ["LimitSettings"]

_Count = Annotated[int, Field(ge=0, le=1_000_000_000)]


class LimitSettings(Group):
    """What the application's own clients ask of their vendors at most.

    A vendor's limits are those of the account's tier, which nobody here knows; it
    tells when they are reached, and is obeyed. The defaults are for what it does not
    tell of in time: a loop gone wild, which costs money (1000 requests a minute; with
    Stripe 25 a second, the limit of its test mode), and one that keeps hundreds of
    answers waiting in memory (100 calls in flight). Pinecone counts no requests, but
    what they read.
    """

    anthropic_requests: _Count = Field(
        1000,
        alias="PM33_LIMIT_ANTHROPIC_REQUESTS",
        description="Requests to Anthropic in a minute, of all replicas together where "
        "REDIS_URL is set; 0 sets no limit.",
    )
    anthropic_tokens: _Count = Field(
        0,
        alias="PM33_LIMIT_ANTHROPIC_TOKENS",
        description="Tokens to and from Anthropic in a minute, of all replicas "
        "together where REDIS_URL is set; 0 sets no limit.",
    )
    anthropic_concurrency: _Count = Field(
        100,
        alias="PM33_LIMIT_ANTHROPIC_CONCURRENCY",
        description="Calls of Anthropic in flight, of all replicas together where "
        "REDIS_URL is set; 0 sets no limit.",
    )
    openai_requests: _Count = Field(
        1000,
        alias="PM33_LIMIT_OPENAI_REQUESTS",
        description="Requests to OpenAI in a minute, of all replicas together where "
        "REDIS_URL is set; 0 sets no limit.",
    )
    openai_tokens: _Count = Field(
        0,
        alias="PM33_LIMIT_OPENAI_TOKENS",
        description="Tokens to and from OpenAI in a minute, of all replicas "
        "together where REDIS_URL is set; 0 sets no limit.",
    )
    openai_concurrency: _Count = Field(
        100,
        alias="PM33_LIMIT_OPENAI_CONCURRENCY",
        description="Calls of OpenAI in flight, of all replicas together where "
        "REDIS_URL is set; 0 sets no limit.",
    )
    together_requests: _Count = Field(
        1000,
        alias="PM33_LIMIT_TOGETHER_REQUESTS",
        description="Requests to Together in a minute, of all replicas together where "
        "REDIS_URL is set; 0 sets no limit.",
    )
    together_tokens: _Count = Field(
        0,
        alias="PM33_LIMIT_TOGETHER_TOKENS",
        description="Tokens to and from Together in a minute, of all replicas "
        "together where REDIS_URL is set; 0 sets no limit.",
    )
    together_concurrency: _Count = Field(
        100,
        alias="PM33_LIMIT_TOGETHER_CONCURRENCY",
        description="Calls of Together in flight, of all replicas together where "
        "REDIS_URL is set; 0 sets no limit.",
    )
    pinecone_requests: _Count = Field(
        0,
        alias="PM33_LIMIT_PINECONE_REQUESTS",
        description="Requests to Pinecone in a minute, of all replicas together where "
        "REDIS_URL is set; 0 sets no limit.",
    )
    pinecone_concurrency: _Count = Field(
        100,
        alias="PM33_LIMIT_PINECONE_CONCURRENCY",
        description="Calls of Pinecone in flight, of all replicas together where "
        "REDIS_URL is set; 0 sets no limit.",
    )
    stripe_requests: _Count = Field(
        1500,
        alias="PM33_LIMIT_STRIPE_REQUESTS",
        description="Requests to Stripe in a minute, of all replicas together where "
        "REDIS_URL is set; 0 sets no limit.",
    )
    stripe_concurrency: _Count = Field(
        100,
        alias="PM33_LIMIT_STRIPE_CONCURRENCY",
        description="Calls of Stripe in flight, of all replicas together where "
        "REDIS_URL is set; 0 sets no limit.",
    )
    wait: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = Field(
        1.0,
        alias="PM33_LIMIT_WAIT",
        description="Seconds that a call of a vendor waits for its turn before it "
        "fails; the longer, the more requests pile up behind it.",
    )
