"""Health told from a snapshot."""
