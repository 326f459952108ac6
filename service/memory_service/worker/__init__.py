"""The process beside the service: it turns outbox entries into vectors, expires what is due, and repairs drift.

Loops over the same ports that operations use. It serves no users: over its unix socket the service asks it for the
vectors of a question, over the management listener Prometheus asks for metrics.
"""
