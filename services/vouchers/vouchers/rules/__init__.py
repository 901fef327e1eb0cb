"""The rules, pure: calendar days, eligibility, amount, ledger."""
