"""Tells companies what happens to them: keeps contacts (personal data lives here alone), writes and sends e-mails.

Every fact of the chain that a director should know becomes one message to send, in the transaction that consumed the
event (`messages/table.py`). `sender.py` groups what waits, sends it by SMTP and records the outcome through the same
core.
"""
