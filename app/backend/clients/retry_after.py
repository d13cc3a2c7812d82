"""For how long an answer asks to be left alone."""

import email.utils
import math
from collections.abc import Mapping
from typing import Final

__all__ = ["LONGEST_HOLD", "hold_of", "retry_after"]

LONGEST_HOLD: Final = 3600.0
"""Seconds for which a vendor is believed: a day would be a mistake, or an attack."""

_FAILED = 400


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, by ``Retry-After`` (RFC 9110 §10.2.3); None: it does not say.

    A date is measured from the answer's own ``Date``, so that no clock is needed.
    """
    text = headers.get("retry-after", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            until = email.utils.parsedate_to_datetime(text)
            seconds = (
                until - email.utils.parsedate_to_datetime(headers.get("date", ""))
            ).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None  # years of eleven digits, too
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def hold_of(status: int, headers: Mapping[str, str]) -> float:
    """Seconds for which nobody may ask after this answer; 0: no need to wait.

    ``retry-after-ms`` is more exact; OpenAI sends it, and the SDKs prefer it.
    """
    if status < _FAILED:
        return 0.0
    try:
        seconds = float(headers.get("retry-after-ms", "")) / 1000
    except ValueError:
        seconds = retry_after(headers) or 0.0
    return min(max(seconds, 0.0), LONGEST_HOLD) if math.isfinite(seconds) else 0.0
