"""What is French and pure, shared by the services and the applications. It imports neither of them, nor `common`.

| module | what |
|---|---|
| `siren` | SIREN, SIRET, VAT numbers: checked, made, written |
| `sirene` | what INSEE's register writes in place of a value, whom it names |
| `geography` | commune → EPCI, département, region; postal codes; former codes |
| `naf` | activities: the list of a code, its section |
| `legal_forms` | legal forms: the list |
| `days` | calendar days and months of Paris |
| `working_days` | public holidays, the n-th working day |
| `typography` | amounts, numbers, dates and lines of text as the French write them |
"""
