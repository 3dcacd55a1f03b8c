"""The bus: feeds on any host publish to NATS JetStream, writers near the database bring it in.

Only this room imports `nats`, and only where a bus is used.
"""
