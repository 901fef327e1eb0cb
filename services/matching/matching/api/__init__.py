"""HTTP doors of matching: the directory, needs and their explanation, answers of connecteurs, aids."""

from matching.api.routes import routes

__all__ = ["routes"]
