"""Pure rules: identifiers, places, activities, the SME class, and the reading of each shape of company data."""
