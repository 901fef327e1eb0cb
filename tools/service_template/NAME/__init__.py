"""TITLE. Start reading in `service.py`."""
