"""What is French and pure, shared by the services and the applications. It imports neither of them, nor `common`.

| module | what |
|---|---|
| `siren` | SIREN, SIRET, VAT numbers: checked, made, written |
| `geography` | commune → EPCI, département, region; postal codes |
| `days` | calendar days and months of Paris |
| `working_days` | public holidays, the n-th working day |
| `typography` | amounts, numbers and dates as the French write them |
"""
