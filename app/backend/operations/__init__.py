"""Long-running work that was asked for over HTTP, and how far it has come."""
