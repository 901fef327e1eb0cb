"""The event core: mechanism only, no company, no voucher, no region.

What a service declares    service.py, event.py, decision.py, message.py
How a batch is applied     processor.py over unit_of_work.py (postgres.py in production, testing/memory.py in tests)
  its pure parts           inbox.py (positions), outbox.py (numbers), dead_letter.py (poison, parking)
How events leave           relay.py, envelope.py, codec.py
How commands come in       commands.py (idempotent), http.py (problems, health, metrics)
Time                       clock.py, deadlines.py
Process life               runtime.py, kafka.py, provision.py, settings.py, health.py, telemetry.py, errors.py
"""
