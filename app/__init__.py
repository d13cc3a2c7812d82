"""PM33 Ops: truthful health, and deployments that lose nothing."""

__version__ = "0.1.0"
