"""The SQL of the service.

pools.py       an envelope and its waiting list, locked and saved
projection.py  what a batch adds to the ledger and to the files
reads.py       what the HTTP doors read
"""
