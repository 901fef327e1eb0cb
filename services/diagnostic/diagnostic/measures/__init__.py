"""The measures that answers call for, and the plan: which of them to propose first."""
