"""What companies are told: every fact becomes one message, which its mail settles. `table.py` lists them all."""
