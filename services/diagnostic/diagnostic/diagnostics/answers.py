"""What the caller of a command is told: progress of a draft, a score, or why not."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from common.declare.decision import Moment, Refusal
from diagnostic.diagnostics.model import Completed, Draft, Express
from diagnostic.diagnostics.stage import valid_until
from diagnostic.measures.table import TABLE
from diagnostic.questionnaire.careful import MOST_FAULTS, Fault, short
from diagnostic.questionnaire.forms import FORMS
from diagnostic.questionnaire.sheet import missing
from diagnostic.terms import BandName, ExpressBandName, FormKind, Stage


class DraftSaved(msgspec.Struct, frozen=True, gc=False):
    """How far a draft is; `missing` lists what a submission would still lack.

    `notice` says, in French, what became of answers to an earlier version of the questionnaire; "" when nothing did.
    """

    siren: str
    diagnostic_id: str
    kind: FormKind
    stage: Stage
    referential: str
    complete: bool
    missing: tuple[str, ...]
    notice: str = ""


class PlanStep(msgspec.Struct, frozen=True, gc=False):
    """One measure of the plan, as shown."""

    id: str
    label: str


class DiagnosticScored(msgspec.Struct, frozen=True, gc=False):
    """A full diagnosis submitted; scores with one decimal."""

    siren: str
    diagnostic_id: str
    kind: FormKind
    stage: Stage
    referential: str
    completed_at: Moment
    valid_until: date
    scores: dict[str, float]
    global_score: float
    band: BandName
    gaps: tuple[str, ...]
    plan: tuple[PlanStep, ...]


class ExpressScored(msgspec.Struct, frozen=True, gc=False):
    """An express form submitted."""

    siren: str
    diagnostic_id: str
    kind: FormKind
    referential: str
    completed_at: Moment
    points: int
    band: ExpressBandName
    basic: bool


_STEPS: Final = {entry.measure.id: PlanStep(entry.measure.id, entry.measure.label) for entry in TABLE}


def one_decimal(value: float) -> float:
    """A score as shown: one decimal, halves up."""
    return int(value * 10 + 0.5) / 10


MOVED: Final = (
    "Le questionnaire a changé depuis : vos réponses sont reprises point par point, et seul ce qui est nouveau ou "
    "demandé autrement reste à remplir."
)


def draft_saved(siren: str, draft: Draft, notice: str = "") -> DraftSaved:
    """The progress of a draft of the form in force."""
    form = FORMS[draft.kind]
    lacking = tuple(missing(form, draft.sheet))
    return DraftSaved(
        siren,
        draft.diagnostic_id,
        draft.kind,
        draft.stage,
        form.reference,
        complete=not lacking,
        missing=lacking,
        notice=notice,
    )


def scored(siren: str, done: Completed | Express) -> DiagnosticScored | ExpressScored:
    """The result of a diagnosis, the same whenever it is asked."""
    if isinstance(done, Express):
        return ExpressScored(
            siren,
            done.diagnostic_id,
            done.kind,
            done.referential,
            done.completed_at,
            done.points,
            done.band,
            done.basic,
        )
    return DiagnosticScored(
        siren=siren,
        diagnostic_id=done.diagnostic_id,
        kind=done.kind,
        stage=done.stage,
        referential=done.referential,
        completed_at=done.completed_at,
        valid_until=valid_until(done.completed_at),
        scores={code: one_decimal(value) for code, value in done.scores.items()},
        global_score=one_decimal(done.global_score),
        band=done.band,
        gaps=done.gaps,
        plan=tuple([step for name in done.plan if (step := _STEPS.get(name))]),
    )


UNKNOWN_COMPANY: Final = Refusal(
    "unknown",
    "entreprise_inconnue",
    "Entreprise inconnue",
    "Cette entreprise est inconnue, ou son inscription n’est pas encore arrivée jusqu’ici : réessayez dans un instant.",
    "siren",
)

UNKNOWN_DIAGNOSTIC: Final = Refusal(
    "unknown",
    "diagnostic_inconnu",
    "Diagnostic inconnu",
    "Aucun diagnostic de cette entreprise ne porte cet identifiant : commencez-en un, ou envoyez toutes les réponses.",
    "diagnostic_id",
)


def unknown_kind(kind: str) -> Refusal:
    """The kind of diagnosis does not exist."""
    return Refusal(
        "invalid",
        "type_de_diagnostic_inconnu",
        "Type de diagnostic inconnu",
        f"« {short(kind)} » n’existe pas.",
        "kind",
        tuple(FORMS),
    )


def already_open(draft: Draft) -> Refusal:
    """Another draft of the kind is open."""
    return Refusal(
        "illegal",
        "brouillon_deja_ouvert",
        "Un brouillon est déjà ouvert",
        f"Le brouillon {draft.diagnostic_id} est ouvert : reprenez-le ou soumettez-le avant d’en commencer un autre.",
        "diagnostic_id",
        (draft.diagnostic_id,),
    )


def already_used(diagnostic_id: str) -> Refusal:
    """The id belongs to another diagnosis of the company, submitted or of the other kind."""
    return Refusal(
        "illegal",
        "identifiant_deja_utilise",
        "Identifiant déjà utilisé",
        f"L’identifiant {diagnostic_id} est celui d’un autre diagnostic de cette entreprise : choisissez-en un autre.",
        "diagnostic_id",
    )


def closing(draft: Draft) -> str:
    """Why a draft cannot go on, in one French sentence."""
    return (
        f"Le brouillon {draft.diagnostic_id} est clos : il répond au questionnaire {draft.referential}, qui n’est plus "
        "connu ici."
    )


def closed(draft: Draft) -> Refusal:
    """The draft answers a form that is not kept: it cannot go on."""
    detail = f"{closing(draft)} Commencez un nouveau diagnostic."
    return Refusal("illegal", "brouillon_clos", "Brouillon clos", detail, "diagnostic_id")


def frozen(diagnostic_id: str) -> Refusal:
    """A submitted diagnosis never changes."""
    return Refusal(
        "illegal",
        "diagnostic_deja_soumis",
        "Diagnostic déjà soumis",
        f"Le diagnostic {diagnostic_id} est soumis : ses réponses ne changent plus. Commencez-en un nouveau.",
        "diagnostic_id",
    )


def wrong_answers(faults: Sequence[Fault]) -> Refusal:
    """The answers cannot be taken: the first field is named, every fault is listed."""
    listed = [f"{fault.path} : {fault.reason}" for fault in faults[:MOST_FAULTS]]
    if len(faults) > MOST_FAULTS:
        listed.append("et d’autres")
    first = faults[0]
    return Refusal(
        "invalid",
        "reponses_incorrectes",
        "Réponses incorrectes ou incomplètes",
        " ; ".join(listed),
        first.path,
        first.allowed,
    )
