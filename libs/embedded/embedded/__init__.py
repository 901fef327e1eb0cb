"""The whole system on one machine: a real broker, a real database, a mail inbox and every service, supervised.

stack.py      `infrastructure()` and `running()`: start and stop, for the command line, the demo and the tests
supervisor.py starts child processes, restarts what dies, kills what froze
kafka.py      Apache Kafka: configuration, format, command line
jars.py       fetches and verifies its jars; archive.py makes it start faster
postgres.py   PostgreSQL: initdb, configuration, command line
smtp.py       the inbox that receives every mail of the installation
ports.py      free ports, remembered; probe.py asks a door whether it answers; progress.py talks to people
"""
