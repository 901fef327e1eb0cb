"""Files: the life of an application, kept by company. Start at `table.py`."""
