"""What a service imports to declare itself: pure words, no process, no database, no broker.

service.py     `Service`: the table of contents of a service
aggregate.py   `Aggregate`, `on`: a kind of thing and its table of rules
inputs.py      what a rule can be about: `Consumed`, `Command`, `Deadline`, `FollowUp`
decision.py    `Decision`: what a rule answers; `Refusal`
pool.py        `Pool`: what many keys draw on; `View`: an index held by the process
event.py       `Event`: a published fact; ids
message.py     `Message`: one input with where it came from
errors.py      the exception tree
contract.py    JSON Schemas and validation of events
"""
