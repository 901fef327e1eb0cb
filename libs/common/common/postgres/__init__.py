"""PostgreSQL. With the services' stores, the only place with SQL.

connections.py   the pool and its limits
faults.py        what the database says, classified once
migrations.py    schemas brought up to date
statements.py    the SQL of the unit of work; transaction.py runs it
storage.py       what a service adds: its pools, views, rows
outbox.py        what the relay reads
retention.py     what is forgotten after a while
"""
