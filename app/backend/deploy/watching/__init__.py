"""Looking at a release, and judging what was seen."""
