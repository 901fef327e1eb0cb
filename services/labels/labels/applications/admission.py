"""Who may have the label. Every rule that fails is listed, with the way to mend it.

Sources: the rules of the scheme (active SME with an establishment in France, full diagnosis of less than 12 months,
maturity threshold, charter signed by the legal representative, compulsory proofs, no insolvency, no clawback debt);
the figures come from the ruleset.
"""

from datetime import date, datetime

from france.days import last_day_within, paris_day
from france.typography import one_decimal, short_day
from labels.applications.exact import exact
from labels.applications.inputs import ApplyForLabel, Company, Engagement
from labels.applications.model import Diagnosis, LabelFile, Reason
from labels.ruleset import Charter, Commitment, CompanyRules, DiagnosisRules, Ruleset

DIMENSIONS = {
    "D1": "Stratégie numérique",
    "D2": "Équipement et usages",
    "D3": "Compétences et équipes",
    "D4": "Données et sécurité",
    "D5": "Automatisation et IA",
    "D6": "Numérique responsable",
}
"""French names of the dimensions of the referential DMA-PME."""

_WEB = ("https://", "http://")


def refusal_reasons(file: LabelFile, content: ApplyForLabel, ruleset: Ruleset, instant: datetime) -> tuple[Reason, ...]:
    """Every reason why this application is not admissible at `instant`, in a fixed order; empty when it is.

    The company is judged on what the register or the diagnosis last said of it. Without a diagnosis nothing is judged:
    the caller has refused the application, see `refusals.not_judged`.
    """
    today = paris_day(instant)
    return (
        *(company_reasons(file.company, ruleset.company) if file.company is not None else ()),
        *(diagnosis_reasons(file.diagnosis, ruleset.diagnosis, today) if file.diagnosis is not None else ()),
        *charter_reasons(content, ruleset.charter, today),
        *declaration_reasons(content),
    )


def company_reasons(company: Company, rules: CompanyRules) -> tuple[Reason, ...]:
    """Reasons that lie in the company itself: closed, not an SME, not in France.

    What is closed is no SME for that very reason: it is told of the closure alone.
    """
    reasons: list[Reason] = []
    if not company.active:
        reasons.append(_CLOSED)
    elif company.sme_category == "inconnu":
        reasons.append(_SIZE_UNKNOWN)
    elif company.sme_category not in rules.sizes:
        reasons.append(_NOT_AN_SME)
    if company.region not in rules.regions and company.departement not in rules.overseas:
        reasons.append(_NOT_IN_FRANCE)
    return tuple(reasons)


def diagnosis_reasons(diagnosis: Diagnosis, rules: DiagnosisRules, today: date) -> tuple[Reason, ...]:
    """Reasons that lie in the diagnosis: too old, a score that is not above its bar (strictly, exactly)."""
    reasons: list[Reason] = []
    day = paris_day(diagnosis.completed_at)
    if today > last_day_within(day, rules.valid_months):
        text = (
            f"Votre dernier diagnostic complet date du {short_day(day)} : il doit avoir moins de "
            f"{rules.valid_months} mois. Refaites le diagnostic complet, puis déposez de nouveau votre candidature."
        )
        reasons.append(Reason("diagnostic_perime", text))
    if exact(diagnosis.global_score) <= exact(rules.global_above):
        text = (
            f"Votre score global est de {_french(diagnosis.global_score)} sur 100 : il doit dépasser "
            f"{_french(rules.global_above)}. Mettez en œuvre les mesures de votre plan d'action, "
            "puis refaites le diagnostic complet."
        )
        reasons.append(Reason("score_global", text))
    for dimension, floor in rules.floors.items():
        score = diagnosis.scores.get(dimension, 0.0)
        if exact(score) <= exact(floor):
            text = (
                f"Votre score « {DIMENSIONS.get(dimension, dimension)} » ({dimension}) est de {_french(score)} sur "
                f"100 : il doit dépasser {_french(floor)}. Mettez en œuvre les mesures de votre plan d'action pour "
                "cette dimension, puis refaites le diagnostic complet."
            )
            reasons.append(Reason(f"plancher_{dimension}", text))
    return tuple(reasons)


def charter_reasons(content: ApplyForLabel, charter: Charter, today: date) -> tuple[Reason, ...]:
    """Reasons that lie in the charter: another version, not signed, a compulsory commitment or its proof missing."""
    reasons: list[Reason] = []
    if content.charter_version != charter.version:
        text = (
            f"La charte signée est la version {content.charter_version} : la version en vigueur est la "
            f"{charter.version}. Lisez-la, faites-la signer, puis déposez de nouveau votre candidature."
        )
        reasons.append(Reason("charte_version", text))
    if not content.signed or content.signed_on is None:
        reasons.append(_NOT_SIGNED)
    elif content.signed_on > today:
        text = (
            f"La date de signature indiquée ({short_day(content.signed_on)}) est dans le futur : "
            "indiquez le jour où le représentant légal a signé la charte."
        )
        reasons.append(Reason("signature_date", text))
    taken = {engagement.number: engagement for engagement in content.engagements}
    for commitment in charter.commitments:
        if commitment.compulsory:
            engagement = taken.get(commitment.number)
            if engagement is None or not engagement.engaged:
                reasons.append(_not_taken(commitment))
            elif not is_proved(commitment, engagement):
                reasons.append(_not_proved(commitment))
    return tuple(reasons)


def _not_taken(commitment: Commitment) -> Reason:
    """A compulsory commitment is not taken."""
    text = (
        f"Vous n'avez pas pris {_named(commitment)}, qui est obligatoire. Prenez cet engagement et joignez sa "
        f"preuve : {commitment.proof}."
    )
    return Reason(f"engagement_{commitment.number}", text)


def _not_proved(commitment: Commitment) -> Reason:
    """The proof of a compulsory commitment is missing."""
    text = f"Il manque la preuve obligatoire de {_named(commitment)}. Joignez {commitment.proof}."
    return Reason(f"preuve_{commitment.number}", text)


def _named(commitment: Commitment) -> str:
    return f"l'engagement n° {commitment.number} « {commitment.title} »"


def is_proved(commitment: Commitment, engagement: Engagement) -> bool:
    """Whether the proofs given are of the kind that the commitment asks for: any, or an address on the web."""
    if commitment.url_required:
        return any(proof.startswith(_WEB) for proof in engagement.proofs)
    return bool(engagement.proofs)


def declaration_reasons(content: ApplyForLabel) -> tuple[Reason, ...]:
    """Reasons that lie in what the company declares: a running insolvency, a debt of clawback."""
    reasons: list[Reason] = []
    if not content.no_insolvency:
        reasons.append(_INSOLVENCY)
    if not content.no_clawback_debt:
        reasons.append(_CLAWBACK)
    return tuple(reasons)


def _french(score: float) -> str:
    """A score as French readers write it, with one decimal only where it says something: 43,8 and 50."""
    return one_decimal(score).removesuffix(",0")


CLOSED = "entreprise_fermee"
"""Code of the reason that leaves nothing to mend: the company is closed."""

_CLOSED = Reason(
    CLOSED,
    "L'entreprise ou son établissement est fermé d'après le répertoire SIRENE : seule une entreprise en activité "
    "peut porter le label. Si c'est une erreur, faites corriger votre situation auprès de l'Insee.",
)
_SIZE_UNKNOWN = Reason(
    "taille_inconnue",
    "La taille de l'entreprise est inconnue : complétez dans votre fiche l'effectif, le chiffre d'affaires et le "
    "total du bilan, puis déposez de nouveau votre candidature.",
)
_NOT_AN_SME = Reason(
    "hors_pme",
    "L'entreprise n'est pas une PME au sens de la recommandation européenne 2003/361/CE : le label est réservé aux "
    "PME. Si la taille connue est fausse, corrigez l'effectif et les comptes dans votre fiche.",
)
_NOT_IN_FRANCE = Reason(
    "hors_france",
    "Aucun établissement en France n'est connu pour cette entreprise : indiquez dans votre fiche l'adresse d'un "
    "établissement français.",
)
_NOT_SIGNED = Reason(
    "charte_non_signee",
    "La charte n'est pas signée par le représentant légal : faites-la signer et indiquez la date de la signature.",
)
_INSOLVENCY = Reason(
    "procedure_collective",
    "L'entreprise ne déclare pas être libre de toute procédure collective : le label ne peut pas être attribué "
    "pendant une procédure. Déposez de nouveau votre candidature une fois la procédure terminée.",
)
_CLAWBACK = Reason(
    "dette_reversement",
    "L'entreprise ne déclare pas être à jour de ses reversements d'aides publiques : réglez la somme due, puis "
    "déposez de nouveau votre candidature.",
)
