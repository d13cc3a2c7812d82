"""Where releases run: one small protocol, and who implements it."""
