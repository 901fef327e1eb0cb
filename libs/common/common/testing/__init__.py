"""Test doubles of the core and the suites that hold them to the real thing. Imported by tests only."""
