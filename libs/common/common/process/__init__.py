"""The process.

app.py        a service as a process: declaration, storage, doors, loops, settings
main.py       from start to SIGTERM
runtime.py    its loops; context.py: what doors and loops work with
provision.py  schemas, migrations, topics, before anything starts
settings.py, telemetry.py, health.py
"""
