"""The checker behind `croissance audit`: what it reads and the equations it holds the chain to.

It shares no code with the services: it has its own Kafka reader, its own decoding of headers and its own SQL, so that
a fault of theirs cannot hide itself. Start reading at `run.py`.
"""
