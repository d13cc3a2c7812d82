"""What a run would do, as data, before anything is touched."""
