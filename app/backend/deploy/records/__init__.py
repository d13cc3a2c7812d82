"""What runs have done: written down, read, and made sense of."""
