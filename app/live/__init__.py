"""The live market: one state kept equal to the database."""
