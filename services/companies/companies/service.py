"""The declaration of the service: start reading here."""

from typing import Final

from common.declare.service import Service
from companies.events import CompanyProfileUpdated, CompanyRegistered
from companies.register.table import REGISTER

SERVICE: Final = Service(
    name="companies",
    title="Registre des entreprises: qui existe, où, et qui est une PME",
    aggregates=(REGISTER,),
    publishes=(CompanyRegistered, CompanyProfileUpdated),
)
