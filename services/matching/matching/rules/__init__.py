"""Pure rules of matching: territory, verdicts, directory, search, aids, calendar and the French sentences."""
