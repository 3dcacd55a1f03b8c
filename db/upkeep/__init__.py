"""The care of a database that stays."""
