"""Railway, by its public GraphQL API.

::

    RailwayPlatform ──► RailwayApi ──► graphql/*.graphql over HTTPS
      │   │   │             ├────────► tokens: which one, of what kind
      │   │   │             ├────────► failures: what an answer means
      │   │   │             └────────► quota: requests made, and left
      │   │   └───────► Target: names turned into ids
      │   └───────────► pictures: all that is looked at often, by one request
      └───────────────► creating: asked for once, and found again
"""

from app.backend.deploy.platforms.railway.api import RailwayApi
from app.backend.deploy.platforms.railway.connection import Connection, connect
from app.backend.deploy.platforms.railway.platform import RailwayPlatform
from app.backend.deploy.platforms.railway.target import Target

__all__ = ["Connection", "RailwayApi", "RailwayPlatform", "Target", "connect"]
