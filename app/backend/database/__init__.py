"""PostgreSQL: targets, connections, the schema's state, and an embedded server."""
