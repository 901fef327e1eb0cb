"""The chaos run: steady load, a seeded schedule of faults, a recovery time for each, the audit. Start at `run.py`."""
