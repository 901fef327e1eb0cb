"""Who may have a chèque for what spend: every failing reason at once; what is missing is told apart."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from france.days import add_months, last_day_within, paris_day
from france.siren import is_siren
from france.typography import euros, short_day
from vouchers.eligibility.facts import Declarations, Diagnostic, Line, Profile, Reason
from vouchers.eligibility.grant import Grant, grant, rate
from vouchers.eligibility.measures import called
from vouchers.ruleset import Ruleset

_MEASURE: Final = re.compile(r"[A-Z]+[0-9]+\.[a-z0-9_]+")
"""What names a measure: question and item (`Q3.site_web`)."""

INACTIVE: Final = Reason("entreprise_inactive", "L'entreprise n'est plus en activité.")


class Case(msgspec.Struct, frozen=True, gc=False):
    """All that eligibility looks at.

    Attributes:
        siren: the company.
        profile: what is known of it.
        diagnostic: its last full diagnosis.
        labelled_until: end of its label, if any.
        lines: the spend.
        declarations: what it declares.
        own_aid_cents: de minimis aid this service gave or holds for it.
        now: the instant of deposit.
        today: the Paris calendar day of it.
    """

    siren: str
    profile: Profile
    diagnostic: Diagnostic
    labelled_until: datetime | None
    lines: tuple[Line, ...]
    declarations: Declarations
    own_aid_cents: int
    now: datetime
    today: date


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What was found: eligible when nothing fails and nothing is missing.

    Attributes:
        grant: the amount and the rate.
        failing: every condition that is not met.
        missing: every condition that cannot be judged, with the missing datum named.
    """

    grant: Grant
    failing: tuple[Reason, ...]
    missing: tuple[Reason, ...]


def assess(ruleset: Ruleset, case: Case) -> Verdict:
    """Judge a file; every reason is given, not only the first, and none that only follows from another.

    A line of a category that is not eligible is refused for that; all that remains is judged as if it were of one that
    is. While the size of the company is not known, its spend is judged at the best rate it may have.
    """
    today = case.today
    failing = [
        *_company(ruleset, case.profile, today),
        *_declared(case.declarations),
        *_diagnostic(ruleset, case.diagnostic, today),
        *_lines(ruleset, case, today),
        *_categories(ruleset, case.lines),
    ]
    labelled = case.labelled_until is not None and case.labelled_until > case.now
    size = case.profile.sme_category
    percent = rate(ruleset, "micro" if size == "inconnu" else size, labelled=labelled)
    base = sum(line.amount_cents for line in case.lines)
    amount = grant(ruleset, base, percent, case.declarations, case.own_aid_cents)
    return Verdict(amount, (*failing, *amount.reasons), tuple(missing(case.profile)))


def missing(profile: Profile) -> Iterator[Reason]:
    """What is not known of a company and is needed to judge a file."""
    if profile.sme_category == "inconnu":
        yield Reason(
            "pme_inconnue",
            "La taille de l'entreprise n'est pas connue: indiquez l'effectif, le chiffre d'affaires ou le bilan.",
        )
    if profile.created_on is None:
        yield Reason(
            "date_creation_inconnue", "La date de création de l'entreprise n'est pas connue: complétez sa fiche."
        )


def _company(ruleset: Ruleset, profile: Profile, today: date) -> Iterator[Reason]:
    if not profile.active:
        yield INACTIVE
    elif profile.sme_category not in ruleset.sme_categories and profile.sme_category != "inconnu":
        yield Reason("hors_pme", "L'entreprise n'est pas une PME au sens européen (recommandation 2003/361/CE).")
    if profile.created_on is not None:
        since = add_months(profile.created_on, ruleset.min_age_months)
        if since > today:
            yield Reason(
                "anciennete",
                f"L'entreprise a moins de {ruleset.min_age_months} mois: "
                f"dépôt possible à partir du {short_day(since)}.",
            )
    if profile.naf.startswith(ruleset.excluded_naf):
        yield Reason(
            "secteur_exclu", f"L'activité {profile.naf} relève d'autres règles d'aides d'État que celles du chèque."
        )


def _declared(declarations: Declarations) -> Iterator[Reason]:
    if not declarations.taxes_up_to_date:
        yield Reason("obligations_fiscales", "L'entreprise doit être à jour de ses obligations fiscales.")
    if not declarations.social_up_to_date:
        yield Reason("obligations_sociales", "L'entreprise doit être à jour de ses cotisations sociales.")
    if not declarations.no_recovery_order:
        yield Reason("ordre_recuperation", "Une aide illégale reste à rembourser: aucune aide n'est possible avant.")


def _diagnostic(ruleset: Ruleset, diagnostic: Diagnostic, today: date) -> Iterator[Reason]:
    until = last_day_within(paris_day(diagnostic.completed_at), ruleset.diagnostic_valid_months)
    if today > until:
        yield Reason(
            "diagnostic_perime",
            f"Le diagnostic était valable jusqu'au {short_day(until)} inclus: refaites un diagnostic complet.",
        )


def _lines(ruleset: Ruleset, case: Case, today: date) -> Iterator[Reason]:
    for number, line in enumerate(case.lines, start=1):
        if line.category not in ruleset.categories:
            why = ruleset.excluded_categories.get(line.category, f"la catégorie « {line.category} » n'est pas prévue")
            yield Reason("categorie_non_eligible", f"Ligne {number}: {why}.")
        yield from _tie(ruleset, case.diagnostic, line, number)
        if not is_siren(line.supplier_siren):
            yield Reason("fournisseur_invalide", f"Ligne {number}: {line.supplier_siren} n'est pas un SIREN valide.")
        elif line.supplier_siren == case.siren:
            yield Reason("fournisseur_interne", f"Ligne {number}: l'entreprise ne peut pas être son fournisseur.")
        if ruleset.incentive_effect and line.ordered_on is not None and line.ordered_on < today:
            yield Reason(
                "depense_anterieure",
                f"Ligne {number}: commande du {short_day(line.ordered_on)}, avant le dépôt du dossier.",
            )


def _tie(ruleset: Ruleset, diagnostic: Diagnostic, line: Line, number: int) -> Iterator[Reason]:
    """A line ties to a gap of the diagnosis, whether its measure is in the plan or not, and is spend it leads to."""
    name = line.measure_id
    leads_to = _spend_of(diagnostic, name)
    if leads_to is None:
        sentence = f"Ligne {number}: la mesure « {name} » ne répond à aucun point à améliorer de votre diagnostic."
        yield Reason("mesure_inconnue", sentence)
        return
    label = ruleset.categories.get(line.category)
    if label is not None and ruleset.measure_covers_category and leads_to and line.category not in leads_to:
        named = ", ".join(f"« {ruleset.categories.get(code, code)} »" for code in leads_to)
        sentence = f"Ligne {number}: la mesure « {name} » prévoit {named}, pas « {label} »."
        yield Reason("mesure_sans_rapport", sentence)


def _spend_of(diagnostic: Diagnostic, name: str) -> tuple[str, ...] | None:
    """The spend that a gap leads to (none: any); None where the diagnosis has no such gap.

    Of a referential that is not known here, a measure that is not in the plan is taken at its word: what it leads to is
    what the gaps of the diagnosis lead to.
    """
    if diagnostic.referential:
        return called(diagnostic.referential, diagnostic.called_measures, name) or None
    for measure in diagnostic.measures:
        if measure.id == name:
            return measure.spend_categories
    return (diagnostic.spend_categories or None) if _MEASURE.fullmatch(name) else None


def _categories(ruleset: Ruleset, lines: Sequence[Line]) -> Iterator[Reason]:
    suppliers: dict[str, set[str]] = {}
    amounts: Counter[str] = Counter()
    for line in lines:
        if line.category in ruleset.categories:
            suppliers.setdefault(line.category, set()).add(line.supplier_siren)
            amounts[line.category] += line.amount_cents
    if ruleset.one_supplier_per_category:
        for category, sirens in suppliers.items():
            if len(sirens) > 1:
                yield Reason(
                    "fournisseurs_multiples",
                    f"Catégorie « {ruleset.categories[category]} »: un seul fournisseur est admis.",
                )
    base = sum(line.amount_cents for line in lines)
    for category, cap in ruleset.category_caps_percent.items():
        amount = amounts[category]
        if amount * 100 > cap * base:
            yield Reason(
                "plafond_categorie",
                f"Catégorie « {ruleset.categories.get(category, category)} »: {euros(amount)}, "
                f"plus de {cap} % des dépenses ({euros(base)}).",
            )
