"""What is French and pure, shared by the services and the applications. It imports neither of them, nor `common`.

| module | what |
|---|---|
| `siren` | SIREN, SIRET, VAT numbers: checked, made, written |
| `geography` | commune → EPCI, département, region; postal codes |
| `naf` | activities: shape of a code, its list, its section |
| `days` | calendar days and months of Paris |
| `working_days` | public holidays, the n-th working day |
| `typography` | amounts, numbers, dates and lines of text as the French write them |
"""
