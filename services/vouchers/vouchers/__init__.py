"""Chèques numériques: who may have one, how much, and where every cent of the envelope is.

Read `service.py` (what comes in and goes out), then `decide.py` (the life of a file), then `rules/`
(eligibility, amount, ledger), which are pure.
"""
