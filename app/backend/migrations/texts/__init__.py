"""What the text of a statement says, where nobody has run it."""
