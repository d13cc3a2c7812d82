"""One file for each dependency."""
