"""The application's own clients of AI, vector and payment services.

They are handed out by ``Resources.clients``; each is behind a limiter of its vendor,
and what really comes of its calls is counted. No SDK is imported before it is used.
"""

from app.backend.clients.clients import CLIENTS, Clients
from app.backend.clients.limit import Limit
from app.backend.clients.outcomes import FailedAnswer, Outcomes

__all__ = ["CLIENTS", "Clients", "FailedAnswer", "Limit", "Outcomes"]
