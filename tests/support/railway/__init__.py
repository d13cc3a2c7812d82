"""Railway, as far as tests need it."""
