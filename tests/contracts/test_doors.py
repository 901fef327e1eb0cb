"""What the command line sends fits the doors of the services, which it does not import."""

from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from common.core.commands import Ask
from companies.api import CompanyBody
from companies.api import to_ask as company_command
from companies.register.inputs import RegisterCompany
from companies.register.sme import classer_pme
from croissance.directors import (
    FLOORS,
    Score,
    array,
    contact,
    diagnosis,
    label_application,
    participant,
    voucher_application,
)
from croissance.directory import connecteurs
from croissance.economy import SECTORS
from croissance.population import Population, communes
from croissance.sirene import Company, Found, read_sirene, to_body
from diagnostic.api.routes import OneShotBody
from diagnostic.questionnaire.forms import COMPLET
from diagnostic.questionnaire.reading import read
from diagnostic.questionnaire.sheet import blank, missing
from diagnostic.scoring import scores as scoring
from labels.api.bodies import ApplicationBody as LabelBody
from labels.api.bodies import to_ask as label_command
from matching.api.bodies import ConnectorBody
from notifications.api import ContactItem
from vouchers.api.bodies import ApplicationBody as VoucherBody

ABOVE = Score(62.0, {"D2": 40.0, "D3": 55.0, "D4": 70.0}, ("Q3.vente_en_ligne", "Q8.plan_continuite"))
CATEGORIES = {"Q3.vente_en_ligne": ("visibilite", "site_ecommerce"), "Q8.plan_continuite": ("cybersecurite",)}

SMES = {
    "999901192",
    "999901333",
    "999901408",
    "999901549",
    "999901689",
    "999901960",
    "999902174",
    "999902240",
    "999902380",
}
REASONS = {
    "administration": 13,
    "groupe_eti": 7,
    "groupe_ge": 5,
    "effectif_250": 10,
    "association": 4,
    "cessee": 5,
}


def command_of(company: Company) -> RegisterCompany:
    """The command that the door makes of a body."""
    command = company_command(CompanyBody.model_validate_json(to_body(company)), datetime(2026, 11, 23, tzinfo=UTC))
    assert isinstance(command, Ask)
    assert isinstance(command.input, RegisterCompany)
    return command.input


def test_a_company_of_a_file_has_the_fields_of_the_door() -> None:
    assert set(Company.__struct_fields__) == set(CompanyBody.model_fields) - {"figures"}


def test_bodies_fit_the_doors() -> None:
    people = [participant(company) for company in Population(3).draw(0, 100)]
    for who in people:
        CompanyBody.model_validate_json(who.registration)
        OneShotBody.model_validate_json(diagnosis(who, 3))
        assert isinstance(label_command(LabelBody.model_validate(label_application(who))), Ask)
        file = voucher_application(who, ABOVE, CATEGORIES)
        assert file is not None
        VoucherBody.model_validate(file)
        ContactItem.model_validate(contact(who.siren))
    assert len(msgspec.json.decode(array(who.registration for who in people))) == 100


def test_connecteurs_fit_their_door() -> None:
    for desk in connecteurs(100, communes())[::97]:
        ConnectorBody.model_validate(msgspec.json.decode(msgspec.json.encode(desk)))


def test_answers_are_complete_and_one_company_in_eight_passes() -> None:
    size = 3000
    able: dict[str, list[bool]] = {"all": [], "J": [], "F": [], "small": [], "large": []}
    for company in Population(7).draw(0, size):
        reading = read(COMPLET, msgspec.json.decode(company.answers), blank(COMPLET))
        assert not reading.faults
        assert not missing(COMPLET, reading.sheet)
        result = scoring.score(reading.sheet)
        passes = result.global_score > 50 and all(result.scores[name] > floor for name, floor in FLOORS.items())
        section = next(name for name, sector in SECTORS.items() if company.naf in sector.codes)
        groups = {"all", section, "large" if company.headcount_code in {"11", "12", "21", "22", "31"} else "small"}
        for name in groups & able.keys():
            able[name].append(passes)
    share = {name: sum(values) / len(values) for name, values in able.items()}
    assert 0.10 < share["all"] < 0.15, "calibrate adoption.CALIBRATION"
    assert share["J"] > 2 * share["all"] > 4 * share["F"]
    assert share["large"] > 1.5 * share["small"]


def test_the_34_sample_organisations(samples: Path) -> None:
    """Which are SMEs, and why the others are not."""
    files = samples / "StockUniteLegale_sample.csv", samples / "StockEtablissement_sample.csv"
    companies = [command_of(found.company) for found in read_sirene(*files) if isinstance(found, Found)]
    verdicts = {company.siren: classer_pme(company) for company in companies}
    assert len(verdicts) == 34
    assert {siren for siren, verdict in verdicts.items() if verdict.category != "hors_pme"} == SMES
    assert {verdicts[siren].category for siren in SMES} == {"micro"}
    others = [code for siren, verdict in verdicts.items() if siren not in SMES for code in verdict.codes]
    assert {code: others.count(code) for code in set(others)} == REASONS
    assert verdicts["999901614"].codes == ("groupe_ge", "effectif_250")  # a large listed group
    assert verdicts["999901473"].codes == ("groupe_eti",)  # 20 to 49 people, in a larger group
    assert verdicts["999900079"].codes == ("administration",)  # a public school that INSEE counts as PME
    assert verdicts["999901820"].codes == ("cessee", "groupe_ge")
    assert all(company.departement for company in companies)
    paris = next(company for company in companies if company.siren == "999900145")
    assert (paris.siret, paris.commune, paris.departement) == ("99990014500031", "75107", "75")
    assert paris.observed_at == datetime(2025, 12, 6, 6, 14, 22, tzinfo=UTC)
    assert paris.created_on == date(2016, 8, 12)
