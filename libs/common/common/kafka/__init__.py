"""Kafka with safe settings.

client.py      settings, connection arguments, topics
consuming.py   the batch subscriber on FastStream
publishing.py  the publisher of the relay
"""
