"""What a run does, step by step, and who may do it."""
