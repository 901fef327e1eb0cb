"""A programme year, keyed by its number as text: its cap, and when it serves the waiting list.

Nothing is remembered under the key: the places of the year are a pool that files draw on too (`places/cohort.py`).
"""
