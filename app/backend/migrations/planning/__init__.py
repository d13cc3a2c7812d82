"""What a migration would do, and to what: shown before it runs, and named by a hash."""
