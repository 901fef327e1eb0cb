"""The SQL of the service.

pools.py       the places of a year, the head of the waiting list, whose turn it is: locked and written with a batch
projection.py  the waiting list and the public register, written with a batch
reads.py       what the doors read
"""
