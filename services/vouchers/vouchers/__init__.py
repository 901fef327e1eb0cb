"""Chèques numériques: who may have one, how much, and where every cent of the envelope is.

Read `service.py` (what comes in and goes out), then the tables: `files/table.py` (the life of a file) and
`envelopes/table.py` (whom money that came back serves). Both stand on `ledger/`, `waiting/` and `eligibility/`; all of
it is pure.
"""
