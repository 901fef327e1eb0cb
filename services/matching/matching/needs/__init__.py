"""The needs of companies: opened by a diagnosis, offered in rounds, taken by the first who accepts."""
