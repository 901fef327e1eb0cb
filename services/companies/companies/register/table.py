"""The aggregate `register`: the one command with its rule."""

from typing import Final

from common.declare.aggregate import Aggregate, on
from companies.register.inputs import RegisterCompany
from companies.register.model import CompanyState, initial
from companies.register.observations import take_in

REGISTER: Final = Aggregate("register", CompanyState, initial, (on(RegisterCompany, take_in),))
