"""The domain rules as pure functions: calendar, admission, score of a file, places of a cohort, words for people."""
