"""What is asked of a company: its profile on a day, three-valued conditions, and the French sentences for both."""
