"""The HTTP doors: applications (one or many), the cohorts, the charter, the public register.

applications.py  file an application, see where it stands
cohorts.py       the places of a year
public.py        what anybody may read
bodies.py        what people send; identifiers.py what they type
"""

from fastapi import APIRouter

from common.process.context import Context
from labels.api import applications, cohorts, public


def routes(context: Context) -> APIRouter:
    """The API of the service."""
    router = APIRouter(prefix="/v1")
    applications.add_doors(router, context)
    cohorts.add_doors(router, context)
    public.add_doors(router, context)
    return router
