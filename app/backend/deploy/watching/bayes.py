"""How sure one can be of a share, from what was counted. Pure.

The share's distribution is Beta(events + 1/2, others + 1/2), Jeffreys' prior. The
incomplete beta function is the continued fraction of DLMF 8.17.22, evaluated by
Lentz's method.
"""

import math

__all__ = ["exceeds", "upper_bound"]

_TINY = 1e-300
_PRECISE = 1e-12
_MOST_TERMS = 20_000
_HALVINGS = 60


def exceeds(events: int, trials: int, limit: float) -> float:
    """The probability that the share behind ``events`` of ``trials`` is above a limit.

    Args:
        events: how often it has happened; at least 0.
        trials: how often it could have; at least ``events``.
        limit: a share; at 1 and above the answer is 0.
    """
    if limit >= 1:
        return 0.0
    if limit <= 0:
        return 1.0
    return 1.0 - _regularised(events + 0.5, trials - events + 0.5, limit)


def upper_bound(events: int, trials: int, confidence: float = 0.95) -> float:
    """The share that the true one is below, with this confidence."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if exceeds(events, trials, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _regularised(a: float, b: float, x: float) -> float:
    """I_x(a, b)."""
    front = math.exp(
        math.lgamma(a + b)
        - math.lgamma(a)
        - math.lgamma(b)
        + a * math.log(x)
        + b * math.log1p(-x)
    )
    # The fraction converges quickly on one side only; the other is its mirror.
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1.0 / _nonzero(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        change = 1.0
        for term in (even, odd):
            d = 1.0 / _nonzero(1 + term * d)
            c = _nonzero(1 + term / c)
            change = d * c
            result *= change
        if abs(change - 1) < _PRECISE:
            break
    return result


def _nonzero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
