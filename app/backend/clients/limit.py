"""How much may be asked of a vendor."""

from dataclasses import dataclass

from app.backend.config.environment import Config

__all__ = ["Limit", "limit_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What one account is asked at most; 0 sets no limit.

    Attributes:
        requests: in any 60 seconds.
        tokens: in any 60 seconds, both ways.
        concurrency: calls in flight; a streamed one is, until its end.
    """

    requests: int = 0
    tokens: int = 0
    concurrency: int = 0

    def __bool__(self) -> bool:
        return bool(self.requests or self.tokens or self.concurrency)

    def capped(self, tokens: int) -> int:
        """What a call counts: one that is larger than the limit has it to itself."""
        return min(tokens, self.tokens) if self.tokens else 0

    def share(self, replicas: int) -> "Limit":
        """One replica's part where that many cannot ask each other; never nothing."""

        def part(whole: int) -> int:
            return max(whole // replicas, 1) if whole else 0

        return Limit(
            requests=part(self.requests),
            tokens=part(self.tokens),
            concurrency=part(self.concurrency),
        )


def limit_of(vendor: str, config: Config) -> Limit:
    """``PM33_LIMIT_<VENDOR>_*``; none where ``RATE_LIMIT_ENABLED`` says so."""
    if not config.rate_limit:
        return Limit()
    kinds = ("requests", "tokens", "concurrency")
    return Limit(
        **{kind: getattr(config.limits, f"{vendor}_{kind}", 0) for kind in kinds}
    )
