"""Self-diagnosis of a company's digital maturity.

Start reading at `service.py` (what the service is), then `diagnostics/table.py` (each input with its rule). The
questionnaires and the measures are package data beside the rule set (`data/*.toml`), loaded once.
"""
