"""The declaration of the service: start reading here."""

from pathlib import Path
from typing import Final

from common.service import Service
from companies import store
from companies.api import routes
from companies.decide import decide
from companies.events import CompanyProfileUpdated, CompanyRegistered
from companies.inputs import RegisterCompany
from companies.model import CompanyState, initial

SERVICE: Final = Service(
    name="companies",
    title="Registre des entreprises: qui existe, où, et qui est une PME",
    state=CompanyState,
    initial=initial,
    decide=decide,
    store=store,
    migrations=Path(__file__).parent / "migrations",
    publishes=(CompanyRegistered, CompanyProfileUpdated),
    commands=(RegisterCompany,),
    routes=routes,
)
