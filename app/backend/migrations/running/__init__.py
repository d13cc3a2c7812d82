"""How revisions are applied: one runner at a time, and nobody kept waiting for long."""
