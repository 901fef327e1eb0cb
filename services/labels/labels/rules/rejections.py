"""Commands that cannot be carried out, said in French with what would be possible."""

from datetime import datetime

from common.decision import Rejection
from labels.model import Application, Cohort, LabelFile, Programme
from labels.rules.answers import pending_sentence


def already(file: LabelFile, application: Application) -> Rejection:
    """A second application, other than the first, while that one waits or its label is valid."""
    return Rejection(
        409,
        "Une candidature est déjà en cours" if application.status == "liste_attente" else "Label déjà attribué",
        f"{pending_sentence(file, application)} Une autre candidature n'est pas possible tant que cet état dure.",
        "siren",
    )


def not_open(programme: Programme, instant: datetime) -> Rejection:
    """An application before the first programme year."""
    first = programme.ruleset_at(instant).programme.first_year
    return Rejection(409, "Programme pas encore ouvert", f"Les candidatures ouvrent le 1er janvier {first}.")


def unknown_application(siren: str) -> Rejection:
    """A company that never applied."""
    return Rejection(404, "Candidature inconnue", f"Aucune candidature n'a été déposée pour le SIREN {siren}.", "siren")


def unknown_year(programme: Programme, year: int) -> Rejection:
    """A year before the programme."""
    first = programme.rulesets[0].programme.first_year
    return Rejection(404, "Année inconnue", f"Le programme commence en {first} : il n'a pas de cohorte {year}.", "year")


def cap_too_low(cohort: Cohort) -> Rejection:
    """A cap below what is granted already."""
    detail = f"{cohort.granted} labels sont déjà attribués en {cohort.year} : le plafond ne peut pas être plus bas."
    return Rejection(409, "Plafond trop bas", detail, "cap")
