"""Envelopes: what they decide themselves, which is whom to serve when money came back. Start at `table.py`."""
