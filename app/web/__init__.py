"""HTTP and WebSocket: the server, its guard, and every route."""
