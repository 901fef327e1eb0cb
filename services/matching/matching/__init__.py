"""Matching: what a company needs after its diagnosis, who can help it, which aids fit.

A completed diagnosis opens a need; the need is offered to the three best connecteurs of distinct institutions, with the
reasons; the first who accepts takes it, the others are released; offers nobody takes move on to the next candidates.
Start reading at `service.py`.
"""
