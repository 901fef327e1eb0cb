"""The register: what is observed of a company, by whom, and whether it is an SME; one state a company (key: SIREN)."""
