"""The directory of connecteurs: one line a key, written by the partners."""
