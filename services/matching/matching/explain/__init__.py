"""Why a connecteur was chosen, why the others were not, in French."""
