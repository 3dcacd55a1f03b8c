"""The synthetic market: a reproducible random walk."""
