"""Releases: planned, sent out, watched, and taken back."""
