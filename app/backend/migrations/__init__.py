"""How revisions are judged, run and undone."""
