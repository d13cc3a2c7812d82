"""What a migration would do to those who are served meanwhile."""
