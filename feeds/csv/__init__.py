"""Files of trades: read as they are, stored or replayed."""
