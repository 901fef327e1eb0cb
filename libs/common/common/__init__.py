"""The event core: mechanism only, no company, no voucher, no region.

Its rooms, from the top down:

process/   a service as a process: start, loops, settings, health
http/, kafka/, postgres/   the three ways in and out
core/      takes a batch through its steps: start at `core.records.apply_records`
declare/   what a service imports to declare itself: start at `declare.service.Service`

testing/   memory storage and the seeded simulator, for tests
"""
