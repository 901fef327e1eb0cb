"""Self-diagnosis of a company's digital maturity.

Start reading at `service.py` (what comes in, what goes out), then `decide.py` (what happens on each input). The
questionnaire, the measures and every figure are package data (`data/*.toml`), loaded once by `rules/`.
"""
