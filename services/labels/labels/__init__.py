"""The label « #croissance connectée »: who may have it, who has it, who waits for it.

The service remembers the last full diagnosis and the profile of every company, decides applications against the
charter and the admission rules, shares out the places of each yearly cohort without ever passing its cap, and keeps
the public register. Start reading in `service.py`.

service.py      the declaration: the table of contents
applications/   a company's file: what is known of it, its application, its label
cohorts/        a programme year: its cap, when it serves the waiting list
places/         what both draw on: the places of a year, the waiting list, whose turn it is
ruleset.py      figures and texts, constants of a version, read from data/
events.py       what is published
store/          SQL of the pools, the waiting list and the register
api/            HTTP
app.py          the process
"""
