"""What is kept of a company. `table.py` is its table of contents."""
