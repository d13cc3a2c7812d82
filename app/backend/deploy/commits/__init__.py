"""What a commit is, and which migrations it brings."""
