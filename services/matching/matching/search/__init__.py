"""The search for connecteurs: the directory as an index, loads as a vector, the best of a need."""
