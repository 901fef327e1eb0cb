"""HTTP.

application.py  the application of a service: doors, limits, health, metrics
texts.py        what nothing can keep, found at the door
bodies.py       validation, item by item
answers.py      answers of commands as bodies
problems.py     RFC 9457
"""
