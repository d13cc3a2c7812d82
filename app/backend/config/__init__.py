"""What can be set, read from the environment in this package and nowhere else."""
