"""Aids and resources: which ones fit a company."""
