"""The page in Dash: components as pure functions."""
