"""A variable gets a new value, and a deployment that was made with it."""
