"""Top-up agents and processors: registers, limits, commission, deposits."""
