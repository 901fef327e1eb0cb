"""Who may have a chèque for what spend: every failing reason at once; what is missing is told apart."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

import msgspec

from france.days import add_months, last_day_within, paris_day
from france.siren import is_siren
from france.typography import euros, short_day
from vouchers.eligibility.facts import Declarations, Diagnostic, Line, Profile, Reason
from vouchers.eligibility.grant import Grant, grant, rate
from vouchers.ruleset import Ruleset


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
    """Judge a file; every reason is given, not only the first."""
    today = case.today
    failing = [
        *_company(ruleset, case.profile, today),
        *_declared(case.declarations),
        *_diagnostic(ruleset, case.diagnostic, today),
        *_lines(ruleset, case, today),
        *_categories(ruleset, case.lines),
    ]
    labelled = case.labelled_until is not None and case.labelled_until > case.now
    percent = rate(ruleset, case.profile.sme_category, labelled=labelled)
    base = sum(line.amount_cents for line in case.lines if line.category in ruleset.categories)
    amount = grant(ruleset, base, percent, case.declarations, case.own_aid_cents)
    if amount.reason is not None:
        failing.append(amount.reason)
    return Verdict(amount, tuple(failing), tuple(_missing(case.profile)))


def _missing(profile: Profile) -> Iterator[Reason]:
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
        yield Reason("entreprise_inactive", "L'entreprise n'est plus en activité.")
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
    measures = {measure.id: measure.spend_categories for measure in case.diagnostic.measures}
    for number, line in enumerate(case.lines, start=1):
        if line.category not in ruleset.categories:
            why = ruleset.excluded_categories.get(line.category, f"la catégorie « {line.category} » n'est pas prévue")
            yield Reason("categorie_non_eligible", f"Ligne {number}: {why}.")
        categories = measures.get(line.measure_id)
        if categories is None:
            yield Reason(
                "mesure_inconnue", f"Ligne {number}: la mesure « {line.measure_id} » n'est pas dans votre diagnostic."
            )
        elif ruleset.measure_covers_category and categories and line.category not in categories:
            named = ", ".join(f"« {ruleset.categories.get(code, code)} »" for code in categories)
            yield Reason(
                "mesure_sans_rapport",
                f"Ligne {number}: la mesure « {line.measure_id} » prévoit {named}, "
                f"pas « {ruleset.categories.get(line.category, line.category)} ».",
            )
        if not is_siren(line.supplier_siren):
            yield Reason("fournisseur_invalide", f"Ligne {number}: {line.supplier_siren} n'est pas un SIREN valide.")
        elif line.supplier_siren == case.siren:
            yield Reason("fournisseur_interne", f"Ligne {number}: l'entreprise ne peut pas être son fournisseur.")
        if ruleset.incentive_effect and line.ordered_on is not None and line.ordered_on < today:
            yield Reason(
                "depense_anterieure",
                f"Ligne {number}: commande du {short_day(line.ordered_on)}, avant le dépôt du dossier.",
            )


def _categories(ruleset: Ruleset, lines: Sequence[Line]) -> Iterator[Reason]:
    suppliers: dict[str, set[str]] = {}
    amounts: dict[str, int] = {}
    for line in lines:
        suppliers.setdefault(line.category, set()).add(line.supplier_siren)
        if line.category in ruleset.categories:
            amounts[line.category] = amounts.get(line.category, 0) + line.amount_cents
    if ruleset.one_supplier_per_category:
        for category, sirens in suppliers.items():
            if len(sirens) > 1:
                yield Reason(
                    "fournisseurs_multiples",
                    f"Catégorie « {ruleset.categories.get(category, category)} »: un seul fournisseur est admis.",
                )
    base = sum(amounts.values())
    for category, cap in ruleset.category_caps_percent.items():
        amount = amounts.get(category, 0)
        if amount * 100 > cap * base:
            yield Reason(
                "plafond_categorie",
                f"Catégorie « {ruleset.categories.get(category, category)} »: {euros(amount)}, "
                f"plus de {cap} % des dépenses ({euros(base)}).",
            )
