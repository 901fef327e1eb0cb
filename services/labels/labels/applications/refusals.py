"""Applications that cannot be taken, said in French with what would be possible."""

from datetime import datetime

from common.declare.decision import Refusal
from labels.applications.answers import pending_sentence
from labels.applications.model import Application, LabelFile
from labels.ruleset import ruleset_at


def already(file: LabelFile, application: Application) -> Refusal:
    """A second application, other than the first, while that one waits or its label is valid."""
    detail = f"{pending_sentence(file, application)} Une autre candidature n'est pas possible tant que cet état dure."
    if application.status == "liste_attente":
        return Refusal("illegal", "candidature_en_cours", "Une candidature est déjà en cours", detail, "siren")
    return Refusal("illegal", "label_deja_attribue", "Label déjà attribué", detail, "siren")


def not_open(instant: datetime) -> Refusal:
    """An application before the first programme year."""
    detail = f"Les candidatures ouvrent le 1er janvier {ruleset_at(instant).programme.first_year}."
    return Refusal("illegal", "programme_pas_ouvert", "Programme pas encore ouvert", detail)


def unknown_application(siren: str) -> Refusal:
    """A company that never applied."""
    detail = f"Aucune candidature n'a été déposée pour le SIREN {siren}."
    return Refusal("unknown", "candidature_inconnue", "Candidature inconnue", detail, "siren")
