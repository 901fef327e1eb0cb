"""The label « #croissance connectée »: who may have it, who has it, who waits for it.

The service remembers the last full diagnosis and the profile of every company, decides applications against the
charter and the admission rules, shares out the places of each yearly cohort without ever passing its cap, and keeps
the public register. Start reading in `service.py`.
"""
