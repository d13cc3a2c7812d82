"""SQL as PostgreSQL's own tools take it apart, without a grammar of all of it."""
