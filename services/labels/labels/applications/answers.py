"""What a company is told of its application, in French."""

from france.days import last_day, paris_day
from france.typography import short_day
from labels.applications.admission import CLOSED
from labels.applications.model import Application, ApplicationAnswer, Label, LabelAnswer, LabelFile


def verification_path(label_id: str) -> str:
    """The path of the public page where anybody can check a label."""
    return f"/v1/labels/{label_id}"


def answer_of(file: LabelFile, application: Application, position: int | None = None) -> ApplicationAnswer:
    """The answer for an application; `position` is its place in the waiting list now, None where nobody counted it."""
    label = file.label if application.status == "attribue" else None
    place = position if application.status == "liste_attente" else None
    return ApplicationAnswer(
        siren=file.siren,
        application_id=application.application_id,
        state=application.status,
        submitted_at=application.submitted_at,
        charter_version=application.content.charter_version,
        ruleset_version=application.ruleset_version,
        score=application.score,
        exemplary=application.exemplary,
        codes=tuple(reason.code for reason in application.reasons),
        reasons=tuple(reason.text for reason in application.reasons),
        cohort_year=application.cohort_year or None,
        position=place,
        label=None if label is None else label_answer(label),
        next_step=_next_step(application, label, place),
    )


def label_answer(label: Label) -> LabelAnswer:
    """A label as its holder sees it."""
    return LabelAnswer(
        label_id=label.label_id,
        status=label.status,
        cohort_year=label.cohort_year,
        rank=label.rank,
        granted_at=label.granted_at,
        expires_at=label.expires_at,
        valid_until=last_day(label.expires_at),
        verification_path=verification_path(label.label_id),
    )


def pending_sentence(file: LabelFile, application: Application) -> str:
    """What stands in the way of another application, in one French sentence: a valid label, else the waiting list."""
    if application.status == "attribue" and file.label is not None:
        return f"Le label a été attribué ; il est valable jusqu'au {_until(file.label)} inclus."
    day = short_day(paris_day(application.submitted_at))
    return f"La candidature déposée le {day} est sur liste d'attente."


def _next_step(application: Application, label: Label | None, position: int | None) -> str:
    if application.status == "refuse":
        if any(reason.code == CLOSED for reason in application.reasons):
            return (
                "Si l'entreprise est en activité, faites corriger sa situation auprès de l'Insee ; sinon, rien à faire."
            )
        return "Corrigez chacun des points indiqués, puis déposez de nouveau votre candidature."
    if application.status == "liste_attente":
        place = "" if position is None else f" en position {position}"
        return (
            f"Votre dossier est complet et recevable. Vous êtes{place} sur la liste d'attente : "
            "le label vous sera attribué dès qu'une place vous revient, sans nouvelle démarche."
        )
    if label is None or label.status != "actif":
        return "Votre label est arrivé à son terme : déposez une nouvelle candidature."
    return f"Affichez votre label. Il est valable jusqu'au {_until(label)} inclus."


def _until(label: Label) -> str:
    """The last day of validity, in figures."""
    return short_day(last_day(label.expires_at))
