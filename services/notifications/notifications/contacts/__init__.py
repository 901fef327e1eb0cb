"""Whom companies are reached by. Personal data: it lives in the table `contacts` alone, where it is erased."""
