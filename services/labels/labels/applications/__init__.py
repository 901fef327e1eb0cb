"""A company's file, keyed by SIREN: what is known of it, its application, its label.

table.py      input → rule
inputs.py     what comes in
model.py      the state
known.py      diagnoses and profiles
applying.py   an application: refused, granted, on the waiting list
outcomes.py   what each outcome leaves behind
offering.py   a place for a file that waits
term.py       the end of a label
admission.py, score.py   who may have the label, points of a file
exact.py      scores compared as integers
answers.py, refusals.py  words for people
"""
