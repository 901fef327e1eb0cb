"""A company's diagnoses: drafts, submissions, results; one file a company (key: SIREN)."""
