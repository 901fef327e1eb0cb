"""The process.

app.py        a service as a process: declaration, storage, doors, loops, settings
start.py      signals, before everything; main.py: from start to SIGTERM
opening.py    what it waits for first
runtime.py    its loops; context.py: what doors and loops work with
upkeep.py     what it clears away
provision.py  schemas, migrations, topics, before anything starts
settings.py, telemetry.py, tracing.py, health.py, readiness.py
"""
