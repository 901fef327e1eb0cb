"""A letter says what is so: the mail, the door and the rule agree, day by day and to the cent, over random files."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from common.declare.decision import Refusal, Schedule
from common.declare.event import derive_id
from common.declare.pool import Ref
from common.testing.rules import FIRST, decided, message_of
from croissance.population import Population
from diagnostic import service as diagnostic
from diagnostic.api.history import history
from diagnostic.diagnostics.answers import DiagnosticScored
from diagnostic.diagnostics.inputs import SubmitDiagnostic
from diagnostic.diagnostics.model import DiagnosticFile
from diagnostic.events import Company
from france.days import end_of_day, last_day, paris_day, start_of_day
from france.typography import euros, long_day, plain, short_day, short_euros
from france.working_days import working_days
from labels import service as labels
from labels.api.public import public_fields
from labels.applications import inputs as label_inputs
from labels.applications.admission import diagnosis_reasons
from labels.applications.model import Diagnosis, LabelFile
from labels.places.cohort import COHORTS, Cohort
from labels.places.waiting import ALL, WAITING, Waiting
from labels.ruleset import ruleset_at
from labels.store.reads import PublicLabel
from matching import service as matching
from matching import settings as matching_settings
from matching.api.views import need_view
from matching.basis import ALL as ALL_LOADS
from matching.basis import DIRECTORY, LOADS
from matching.needs.inputs import AcceptMatch
from matching.needs.model import CompanyNeeds, Match, Need
from matching.search.index import Directory
from matching.search.loads import NONE
from notifications.mail.rendering import Site, render
from notifications.messages.planning import Contact, Mail
from notifications.messages.planning import Waiting as Told
from notifications.messages.table import BY_TEMPLATE
from vouchers import service as vouchers
from vouchers.api.views import shown_file
from vouchers.eligibility.conditions import Case, assess
from vouchers.eligibility.facts import Declarations, Diagnostic, Line, Measure, Profile
from vouchers.files.inputs import ApplyForVoucher
from vouchers.files.model import Applicant
from vouchers.ledger.accounts import Balances
from vouchers.ledger.envelope import ENVELOPES, Envelope
from vouchers.ruleset import Ruleset

SIREN = "732829320"
SITE = Site("https://exemple.fr", "recours@exemple.fr", 2)
CONTACT = Contact(SIREN, derive_id(FIRST, 1), "a@exemple.fr", "", (), (), None)
TEMPLATES = {kind.__name__: template for template, (kind, _) in BY_TEMPLATE.items()}
INSTANTS = st.integers(0, 728 * 24 * 3600).map(
    lambda seconds: datetime(2026, 1, 2, tzinfo=UTC) + timedelta(seconds=seconds)
)
"""Any second of the first two programme years, the hours around midnight in Paris included."""


def mailed(event: Any) -> str:
    """What a company reads of an event, on one line, with spaces that can be typed; page and text agree on it."""
    template = TEMPLATES[type(event).__name__]
    _, notice = BY_TEMPLATE[template]
    now = datetime(2026, 11, 23, tzinfo=UTC)
    told = Told(SIREN, FIRST, template, notice.legal, msgspec.json.encode(event), "84", now, now, 0, None)
    made = render(SITE, Mail(FIRST, CONTACT, (told,)), "")
    return " ".join(plain(made.text).split())


def one(events: tuple[object, ...], name: str) -> Any:
    (found,) = [event for event in events if type(event).__name__ == name]
    return found


# --- diagnosis -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def answers() -> dict[str, Any]:
    return msgspec.json.decode(next(iter(Population(1).draw(0, 1))).answers)


COMPANY = Company(
    siret="73282932000074", name="Ateliers", naf="62.01Z", naf_nomenclature="NAFRev2", legal_form="5710",
    headcount_code="11", created_on=date(2015, 3, 1), commune="69123", departement="69", region="84", active=True,
    sme_category="petite",
)  # fmt: skip


@given(INSTANTS)
@settings(deadline=None, max_examples=60)
def test_a_diagnosis_counts_until_the_day_that_mail_and_door_name(instant: datetime) -> None:
    state = DiagnosticFile(SIREN, COMPANY)
    done = decided(diagnostic.SERVICE, state, message_of(SubmitDiagnostic(SIREN, answers=answers()), SIREN, instant))
    event = one(done.events, "DiagnosticCompleted")
    until = event.valid_until
    assert f"ce diagnostic compte jusqu’au {long_day(until)} inclus" in mailed(event)
    assert isinstance(done.answer, DiagnosticScored)
    assert done.answer.valid_until == until
    assert history(done.state)["diagnostics"][0]["valid_until"] == until
    for today, counts in ((until, True), (until + timedelta(days=1), False)):
        known = Diagnosis(event.diagnostic_id, event.completed_at, event.scores, event.global_score)
        judged = diagnosis_reasons(known, ruleset_at(instant).diagnosis, today)
        assert ("diagnostic_perime" not in {reason.code for reason in judged}) is counts
        verdict = assess(Ruleset(), case_on(today, completed_at=instant))
        assert ("diagnostic_perime" not in {reason.code for reason in verdict.failing}) is counts


# --- label -----------------------------------------------------------------------------------------------------------


def application() -> label_inputs.ApplyForLabel:
    commitments = ruleset_at(datetime(2026, 6, 1, tzinfo=UTC)).charter.commitments
    taken = [label_inputs.Engagement(each.number, engaged=True, proofs=("https://x.fr",)) for each in commitments]
    return label_inputs.ApplyForLabel("2026.1", tuple(taken), True, date(2026, 1, 1), True, True)


def label_file(instant: datetime, *, active: bool = True) -> LabelFile:
    scores: dict[str, float] = dict.fromkeys(("D1", "D2", "D3", "D4", "D5", "D6"), 80.0)
    company = label_inputs.Company("Ateliers", "62.01Z", "69", "84", active, "petite" if active else "hors_pme")
    return LabelFile(SIREN, company, 1, Diagnosis("d", instant, scores, 80.0))


def applied_for_label(instant: datetime, file: LabelFile, free: int) -> Any:
    year = str(paris_day(instant).year)
    pools = {COHORTS.at(year): Cohort(int(year), free), WAITING.at(ALL): Waiting()}
    return decided(labels.SERVICE, file, message_of(application(), SIREN, instant), pools)


@given(INSTANTS)
@settings(deadline=None, max_examples=60)
def test_a_label_lasts_until_the_day_that_mail_and_door_name(instant: datetime) -> None:
    done = applied_for_label(instant, label_file(instant), 1)
    event = one(done.events, "LabelGranted")
    until = last_day(event.expires_at)
    assert f"au {long_day(until)} inclus" in mailed(event)
    assert f"le label est valable jusqu’au {long_day(until)} inclus" in mailed(event)
    assert done.answer.label.valid_until == until
    assert f"valable jusqu'au {short_day(until)} inclus" in done.answer.next_step
    ends = start_of_day(until + timedelta(days=1))
    assert [deadline.due for deadline in done.deadlines] == [ends]
    row = PublicLabel(FIRST, SIREN, None, "84", "62.01Z", event.granted_at, event.expires_at, "actif")
    for now, status in ((ends - timedelta(microseconds=1), "actif"), (ends, "expire")):
        shown = public_fields(row, SITE.public_url, now)
        assert (shown["status"], shown["valid_until"]) == (status, until)
    late = message_of(done.deadlines[0].input, SIREN, ends + timedelta(hours=30))
    expired = one(decided(labels.SERVICE, done.state, late).events, "LabelExpired")
    assert f"a été valable jusqu’au {long_day(until)} inclus" in mailed(expired)


def test_a_file_on_the_waiting_list_reads_its_position_everywhere() -> None:
    instant = datetime(2026, 6, 1, tzinfo=UTC)
    done = applied_for_label(instant, label_file(instant), 0)
    event = one(done.events, "LabelWaitlisted")
    assert f"en position {event.position} sur la liste" in mailed(event)
    assert done.answer.position == event.position
    assert f"en position {event.position} sur la liste" in done.answer.next_step


def test_a_closed_company_is_told_of_its_closure_alone_and_how_to_appeal() -> None:
    instant = datetime(2026, 6, 1, tzinfo=UTC)
    done = applied_for_label(instant, label_file(instant, active=False), 1)
    event = one(done.events, "LabelRefused")
    assert "sinon, rien à faire" in done.answer.next_step
    assert event.codes == ("entreprise_fermee",)
    read = mailed(event)
    assert "PME" not in read
    assert "recours@exemple.fr" in read


# --- chèque ----------------------------------------------------------------------------------------------------------


def case_on(today: date, completed_at: datetime, lines: tuple[Line, ...] = ()) -> Case:
    diagnosis = Diagnostic("d", completed_at, (Measure("m", ()),))
    declarations = Declarations(True, True, True)
    profile = Profile("62.01Z", "84", date(2015, 3, 1), True, "petite", 1)
    return Case(SIREN, profile, diagnosis, None, lines, declarations, 0, start_of_day(today), today)


AMOUNTS = st.integers(1, 6_000_000)


@given(
    INSTANTS, st.sampled_from(["micro", "petite", "moyenne"]), st.lists(AMOUNTS, min_size=1, max_size=4),
    st.one_of(st.just(0), st.integers(0, 31_000_000)), st.one_of(st.just(0), st.integers(0, 5_000_000)),
    st.sampled_from([0, 100_000_000]), st.booleans(), st.booleans(),
)  # fmt: skip
@settings(deadline=None, max_examples=100)
def test_the_money_of_a_file_is_the_same_in_mail_door_and_rule(
    instant: datetime, size: str, amounts: list[int], de_minimis: int, other: int, left: int, auto: bool, active: bool
) -> None:
    rules = Ruleset(auto_decision=auto)
    categories = list(rules.categories)
    lines = tuple(Line(categories[n], "552100554", amount, "m") for n, amount in enumerate(amounts) if n != 2)
    profile = Profile("62.01Z", "84", date(2015, 3, 1), active, size if active else "hors_pme", 1)
    state = Applicant(SIREN, profile, Diagnostic("d", instant, (Measure("m", ()),)))
    envelope = Envelope("e", "p", None, None, ((instant, rules),), Balances(left, paye=1))
    pools: dict[Ref, Any] = {ENVELOPES.at("e"): envelope}
    command = ApplyForVoucher("e", lines, Declarations(True, True, True, de_minimis, other))
    done = decided(vouchers.SERVICE, state, message_of(command, SIREN, instant), pools)
    (file,) = done.state.files
    shown: Any = msgspec.to_builtins(shown_file(SIREN, file, file.position))
    told: list[Any] = [event for event in done.events if type(event).__name__ in TEMPLATES]
    mails = [mailed(event) for event in told]
    if file.status == "refuse":
        for reason in shown["reasons"]:
            assert plain(reason["sentence"]) in mails[0]
        assert "recours@exemple.fr" in mails[0]
        assert active or ("entreprise_inactive" in told[0].codes and "hors_pme" not in told[0].codes)
        return
    base, rate = sum(line.amount_cents for line in lines), shown["rate_percent"]
    by_rate = base * rate // 100
    expected = min(by_rate, 1_500_000, 30_000_000 - de_minimis, base * 80 // 100 - other)
    assert shown["asked_cents"] == expected
    assert bool(shown["ceiling"]) is (expected < by_rate)
    for shown_cents in (base, by_rate, *((expected,) if expected < by_rate else ())):
        assert euros(shown_cents) in shown["calculation"]
    requested = mails[0]
    assert plain(short_euros(expected)) in requested
    cut = bool(shown["ceiling"])
    assert (plain(shown["calculation"]) in requested) is cut
    if file.status == "liste_attente":
        assert shown["reply_by"] is None
        assert "réservé pour vous" not in requested
        assert long_day(one(done.events, "VoucherRequested").reply_by) not in requested
        assert f"en position {shown['position']} sur la liste d’attente" in mails[1]
        return
    assert f"décision au plus tard le {long_day(file.reply_by or date.min)}" in requested
    assert "réservé pour vous" in requested
    if file.status == "depose":
        due = [deadline.due for deadline in done.deadlines if isinstance(deadline, Schedule)]
        assert due == [end_of_day(date.fromisoformat(shown["reply_by"]))]
        return
    granted = mails[1]
    assert plain(short_euros(shown["granted_cents"])) in granted
    assert (plain(shown["calculation"]) if cut else f"Taux : {rate} % des dépenses retenues, hors taxes") in granted
    for name in ("agreement_by", "claim_by"):
        assert long_day(date.fromisoformat(shown[name])) in granted


# --- accompaniment ---------------------------------------------------------------------------------------------------


@given(st.dates(date(2026, 1, 1), date(2027, 11, 30)), st.sampled_from(["", "69", "57", "974"]))
@settings(deadline=None, max_examples=60)
def test_an_offer_can_be_taken_until_the_day_that_mail_and_door_name(day: date, departement: str) -> None:
    basis = matching_settings.basis(Directory(matching_settings.ruleset(), matching_settings.territories()))
    end = working_days().end_of_nth(day, 3, departement)
    match = Match("m", "c", "i", 1, 50.0, 1, "propose", start_of_day(day))
    need = Need(
        "n",
        ("donnees",),
        False,
        "normale",
        "diagnostic",
        start_of_day(day),
        "propose",
        1,
        end,
        (match,),
        ("d",),
        (),
        "1",
    )
    until = need_view(need, {})["reply_by"]
    event = msgspec.convert(
        {"siren": SIREN, "need_id": "n", "subject": "donnees", "round": 1, "expires_at": end, "proposals": ()},
        BY_TEMPLATE["connector_matched"][0],
    )
    assert f"réponse attendue jusqu’au {long_day(until)} inclus" in mailed(event)
    for now, late in ((end_of_day(until) - timedelta(microseconds=1), False), (end_of_day(until), True)):
        state = CompanyNeeds(SIREN, None, (need,))
        answer = decided(
            matching.SERVICE, state, message_of(AcceptMatch("m"), SIREN, now), {LOADS.at(ALL_LOADS): NONE},
            {DIRECTORY.name: basis},
        ).answer  # fmt: skip
        assert isinstance(answer, Refusal) is late
