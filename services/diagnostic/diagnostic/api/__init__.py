"""The HTTP doors: questionnaire, drafts, submissions, history, benchmarks.

routes.py   the doors, and what they are sent
history.py  what a director reads; views.py its shapes
"""

from diagnostic.api.routes import routes

__all__ = ["routes"]
