"""Services on the real broker and database."""
