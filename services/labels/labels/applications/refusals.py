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


def not_judged(file: LabelFile) -> Refusal:
    """No full diagnosis is here: nobody registered the company, it made none, or it is on its way."""
    soon = "Un diagnostic qui vient d'être terminé est pris en compte en quelques secondes : réessayez."
    if file.company is None:
        detail = (
            f"Rien n'est arrivé du SIREN {file.siren} : ni diagnostic complet, ni fiche d'entreprise. Vérifiez le "
            f"numéro, inscrivez l'entreprise et faites le diagnostic complet (l'express ne suffit pas). {soon}"
        )
        return Refusal("illegal", "entreprise_inconnue", "Entreprise inconnue", detail, "siren")
    detail = (
        f"Aucun diagnostic complet n'est connu pour le SIREN {file.siren} : faites-le (l'express ne suffit pas), puis "
        f"déposez votre candidature. {soon}"
    )
    return Refusal("illegal", "diagnostic_complet_requis", "Diagnostic complet requis", detail, "siren")


def unknown_application(siren: str) -> Refusal:
    """A company that never applied."""
    detail = f"Aucune candidature n'a été déposée pour le SIREN {siren}."
    return Refusal("unknown", "candidature_inconnue", "Candidature inconnue", detail, "siren")
