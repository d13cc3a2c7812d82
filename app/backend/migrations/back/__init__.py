"""The way back: what it would lose, whether to go, what is kept, and how it returns."""
