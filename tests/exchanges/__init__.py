"""Local exchanges: REST and WebSocket servers that speak as the real ones do, and misbehave on demand."""
