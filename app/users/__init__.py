"""Who somebody is and what he may: users, sessions, tokens, and the one place that decides."""
