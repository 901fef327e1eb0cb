"""The core that takes a batch through its steps, over a unit of work: start at `records.apply_records`.

records.py      Kafka records → effects, the only orchestration; with deciding.py, the steps all share
requests.py     commands over HTTP, idempotent; grouping.py lets them share transactions
deadlines.py    deadlines and follow-ups that fell due
replays.py      dead letters that an operator released
unit_of_work.py the storage steps, as a protocol
inbox.py, outbox.py, dead_letter.py   their pure parts: positions, numbers, poison
codec.py, envelope.py, record_batch.py   bytes ↔ messages and events
relay.py        outbox → Kafka
commands.py, clock.py   where chains of events start; time and ids
"""
