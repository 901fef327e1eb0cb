"""Scores, bands, gaps, plan, stages: the golden vectors and what must hold for any answers."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from fractions import Fraction
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnostic.diagnostics.answers import one_decimal
from diagnostic.diagnostics.model import Completed
from diagnostic.diagnostics.stage import stage_of, valid_until
from diagnostic.events import Company
from diagnostic.measures.plan import calls_of, packed, plan, spend_categories, triggered
from diagnostic.measures.table import BY_ID, TABLE
from diagnostic.questionnaire.forms import COMPLET, EXPRESS, QUESTIONS, TOP_LEVEL, Question
from diagnostic.questionnaire.reading import read_whole
from diagnostic.questionnaire.sheet import blank
from diagnostic.ruleset import RULESET, band_of
from diagnostic.scoring.express import prefill, score_express
from diagnostic.scoring.parts import fewest, most
from diagnostic.scoring.peers import Bucket, Cell, cell_of, percentile, statistics, widenings
from diagnostic.scoring.scores import WHOLE, score

BANDS = ("debutant", "intermediaire", "avance", "expert")


def first(question: str, count: int, start: int = 0) -> list[str]:
    return list(QUESTIONS[question].items)[start : start + count]


def rows(question: str, *values: object) -> dict[str, object]:
    return dict(zip(QUESTIONS[question].items, values, strict=True))


def answers(**given: object) -> dict[str, object]:
    """Wire answers with « nothing » where nothing is said."""
    nothing: dict[str, object] = {
        name: {
            "multi": [],
            "double": {"investi": [], "prevu": []},
            "echelle": rows(name, *[0] * len(question.items)) if question.kind == "echelle" else None,
            "tri": rows(name, *["non"] * len(question.items)) if question.kind == "tri" else None,
        }[question.kind]
        for name, question in QUESTIONS.items()
    }
    return nothing | given


def sheet_of(**given: object) -> str:
    reading = read_whole(COMPLET, answers(**given), blank(COMPLET))
    assert reading.faults == []
    return reading.sheet


A = sheet_of(Q3=first("Q3", 2), Q7=first("Q7", 1), Q8=first("Q8", 1), Q10=first("Q10", 1))
B = sheet_of(
    Q1={"investi": first("Q1", 4), "prevu": first("Q1", 3, 4)},
    Q2=first("Q2", 5),
    Q3=first("Q3", 7),
    Q4=rows("Q4", 0, 0, 3, 0, 1, 0, 0),
    Q5=first("Q5", 3),
    Q6=first("Q6", 4),
    Q7=first("Q7", 4),
    Q8=first("Q8", 4),
    Q9=rows("Q9", 1, 0, 0, 0, 3),
    Q10=first("Q10", 3),
    Q11=rows("Q11", "partiel", "non", "oui", "partiel", "oui"),
)
C = sheet_of(
    Q1={"investi": first("Q1", 8), "prevu": first("Q1", 2, 8)},
    Q2=first("Q2", 9),
    Q3=first("Q3", 10),
    Q4=rows("Q4", 5, 2, 5, 5, 4, 0, 3),
    Q5=first("Q5", 6),
    Q6=first("Q6", 7),
    Q7=first("Q7", 7),
    Q8=first("Q8", 6),
    Q9=rows("Q9", 4, 3, 0, 5, 5),
    Q10=first("Q10", 7),
    Q11=rows("Q11", "oui", "oui", "oui", "partiel", "oui"),
)


@pytest.mark.parametrize(
    ("sheet", "dimensions", "total", "band"),
    [
        (A, [0, 10, 0, 15.476, 0, 5], 5.079, "debutant"),
        (B, [52.5, 40.714, 46.429, 61.905, 16, 45], 43.758, "intermediaire"),
        (C, [90, 84.286, 86.607, 100, 68, 80], 84.815, "expert"),
    ],
    ids="ABC",
)
def test_golden_vectors(sheet: str, dimensions: list[float], total: float, band: str) -> None:
    result = score(sheet)
    assert list(result.scores.values())[:6] == pytest.approx(dimensions, abs=5e-4)
    assert result.global_score == pytest.approx(total, abs=5e-4)
    assert result.band == band
    assert (result.scores["C1"], result.scores["C2"]) == (0, 0)


def test_bands_are_cut_on_the_unrounded_value() -> None:
    cuts = {0: "debutant", 25: "debutant", 25.0001: "intermediaire", 50: "intermediaire", 50.04: "avance", 75: "avance"}
    assert {value: band_of(RULESET.bands, value) for value in cuts} == cuts
    assert band_of(RULESET.bands, 75.0001) == band_of(RULESET.bands, 100) == "expert"


# --- thresholds are exact --------------------------------------------------------------------------------------------


def fill(**levels: int) -> str:
    """The sheet that reaches so many levels of each question; none of those not named."""
    sheet = ""
    for question in COMPLET.questions:
        left, codes = levels.get(question.id, 0), ""
        for _ in range(question.countable):
            level = min(left, TOP_LEVEL[question.kind])
            codes, left = codes + str(level), left - level
        assert left == 0, question.id
        sheet += codes + "0" * (len(question.items) - question.countable)
    return sheet


EUROPEAN = {q.id: TOP_LEVEL[q.kind] * q.countable for q in COMPLET.questions if q.dimension.startswith("D")}
"""Levels within reach of each question that counts in the global score."""


def exact(levels: dict[str, int]) -> dict[str, Fraction]:
    """The scores as the rules of the European assessment say them, in fractions."""
    scores: dict[str, Fraction] = {}
    for dimension in ("D1", "D2", "D3", "D4", "D5", "D6"):
        worth = [Fraction(levels[q], EUROPEAN[q]) for q in EUROPEAN if QUESTIONS[q].dimension == dimension]
        scores[dimension] = 100 * sum(worth, Fraction()) / len(worth)
    return scores


UNIT = 4200
"""A common denominator of the questions, worked out by hand: 20, 10, 35, 7, 8, 6 and 25 divide it."""

WORTH = {question: UNIT // reach for question, reach in EUROPEAN.items()}


@pytest.mark.parametrize(("cut", "below", "above"), [(25, *BANDS[:2]), (50, *BANDS[1:3]), (75, *BANDS[2:])])
def test_who_stands_at_a_cut_is_at_it_and_one_level_more_is_above(cut: int, below: str, above: str) -> None:
    chance, found = Random(cut), 0
    lowest, highest = max(0, 2 * cut - 100), min(100, 2 * cut)
    while found < 100:
        levels = {q: chance.randint(reach * lowest // 100, reach * highest // 100) for q, reach in EUROPEAN.items()}
        levels["Q10"] = levels["Q11"] = 0
        reached = sum(WORTH[question] * level * (1 + (question == "Q9")) for question, level in levels.items())
        missing, rest = divmod(12 * UNIT * cut // 100 - reached, WORTH["Q10"])
        if rest or not 0 <= missing < 20:
            continue
        found += 1
        levels |= {"Q10": min(10, missing), "Q11": max(0, missing - 10)}
        at = score(fill(**levels))
        assert (at.global_score, at.band) == (cut, below), levels
        more = score(fill(**levels | {"Q11": levels["Q11"] + 1}))
        assert more.global_score > cut
        assert more.band == above


def test_every_way_to_stand_at_the_flag_of_tools_without_people_raises_it_and_one_level_less_does_not() -> None:
    edges = 0
    for tools, tech, training, people in product(range(11), range(36), range(8), range(9)):
        reached = WORTH["Q3"] * tools + WORTH["Q4"] * tech - 2 * (WORTH["Q5"] * training + WORTH["Q6"] * people)
        automation, rest = divmod(UNIT - reached, 2 * WORTH["Q9"])
        if not rest and 1 <= automation <= 25:
            edges += 1
            levels = {"Q3": tools, "Q4": tech, "Q5": training, "Q6": people}
            assert score(fill(**levels, Q9=automation)).gaps == ("outils_sans_competences",), levels
            assert score(fill(**levels, Q9=automation - 1)).gaps == (), levels
    assert edges > 200


def test_no_way_to_stay_a_hair_below_the_flag_of_tools_without_people_raises_it() -> None:
    below = 0
    for tools, tech, training, people in product(range(11), range(36), range(8), range(9)):
        reached = WORTH["Q3"] * tools + WORTH["Q4"] * tech - 2 * (WORTH["Q5"] * training + WORTH["Q6"] * people)
        automation, hair = divmod(UNIT - reached - 1, 2 * WORTH["Q9"])
        if hair < UNIT // 100 and 0 <= automation <= 25:
            below += 1
            levels = {"Q3": tools, "Q4": tech, "Q5": training, "Q6": people, "Q9": automation}
            assert "outils_sans_competences" not in score(fill(**levels)).gaps, levels
    assert below > 200


@given(st.fixed_dictionaries({question: st.integers(0, reach) for question, reach in EUROPEAN.items()}))
def test_what_is_published_is_the_number_closest_to_the_exact_score(levels: dict[str, int]) -> None:
    scores, result = exact(levels), score(fill(**levels))
    assert {name: result.scores[name] for name in scores} == {name: float(value) for name, value in scores.items()}
    assert {name: Fraction(100 * result.parts[name], WHOLE) for name in scores} == scores
    assert result.global_score == float(sum(scores.values()) / 6)
    assert result.band == band_of(RULESET.bands, result.global_score)


def test_no_way_to_skip_an_item_leaves_the_common_denominator() -> None:
    skips = {question.id: question.non_concerne for question in COMPLET.questions if question.non_concerne}
    for count in range(1, 4):
        grid = dict(zip(QUESTIONS["Q4"].items, [1] * 7, strict=True)) | dict.fromkeys(
            skips["Q4"][:count], "non_concerne"
        )
        assert score(sheet_of(Q4=grid)).questions["Q4"] == 10 * (7 - count) / (35 - 5 * count)
    one = sheet_of(Q2={"oui": first("Q2", 1), "non_concerne": list(skips["Q2"])})
    assert score(one).questions["Q2"] == 10 / 9


@pytest.mark.parametrize(
    ("threshold", "at_least", "at_most"), [(0.1, 3, 3), (0.11, 4, 3), (0.3, 9, 9), (45.1, 1353, 1353), (50, 1500, 1500)]
)
def test_a_threshold_is_the_decimal_that_is_written(threshold: float, at_least: int, at_most: int) -> None:
    assert (fewest(threshold, 100, 3000), most(threshold, 100, 3000)) == (at_least, at_most)


def test_equal_dimensions_are_equal_in_the_plan_however_they_came_by_their_score() -> None:
    equal = 0
    for tools, tech, training, people in product(range(11), range(36), range(8), range(9)):
        if WORTH["Q3"] * tools + WORTH["Q4"] * tech == WORTH["Q5"] * training + WORTH["Q6"] * people:
            equal += 1
            parts = score(fill(Q3=tools, Q4=tech, Q5=training, Q6=people)).parts
            assert parts["D2"] == parts["D3"]
    assert equal > 50


def test_a_score_is_shown_with_the_decimal_of_the_exact_one_halves_up() -> None:
    for part in range(0, WHOLE + 1, 7):
        shown = one_decimal(100 * part / WHOLE)
        assert shown == (2000 * part + WHOLE) // (2 * WHOLE) / 10, part


def test_the_two_axes_of_the_report_have_their_own_score_and_never_enter_the_total() -> None:
    rich = sheet_of(E1=first("E1", 6), E2=first("E2", 3), E3=first("E3", 5), E4=first("E4", 5))
    result = score(rich)
    assert (result.scores["C1"], result.scores["C2"], result.global_score) == (75, 100, 0)


def test_what_does_not_concern_the_company_leaves_the_denominator() -> None:
    without = {"oui": first("Q2", 3), "non_concerne": ["services_associes"]}
    assert score(sheet_of(Q2=without)).questions["Q2"] == pytest.approx(10 * 3 / 9)
    grid = rows("Q4", 1, 1, "non_concerne", "non_concerne", 2, 0, "non_concerne")
    assert score(sheet_of(Q4=grid)).questions["Q4"] == pytest.approx(10 * 4 / 20)


def test_i_do_not_know_counts_as_not_done_and_calls_for_a_clarification() -> None:
    sheet = sheet_of(Q5="ne_sait_pas", Q8={"oui": first("Q8", 5), "ne_sait_pas": ["plan_continuite"]})
    result = score(sheet)
    assert result.questions["Q5"] == 0
    assert result.questions["Q8"] == pytest.approx(10 * 5 / 6)
    ids = {entry.measure.id for entry in triggered(calls_of(sheet))}
    assert {"Q5.clarifier", "Q8.clarifier"} <= ids
    assert "Q5.plan_formation" not in ids
    assert "Q8.plan_continuite" not in ids


def test_data_that_are_not_digital_score_nothing_and_call_for_every_measure_of_the_question() -> None:
    sheet = sheet_of(Q7=["non_numerisees"])
    assert score(sheet).questions["Q7"] == 0
    assert sum(entry.question == "Q7" for entry in triggered(calls_of(sheet))) == 7


def test_ambition_without_means() -> None:
    planned = {"prevu": first("Q1", 5)}
    assert score(sheet_of(Q1=planned, Q2=first("Q2", 3))).gaps == ("ambition_sans_moyens",)
    assert score(sheet_of(Q1=planned, Q2=first("Q2", 4))).gaps == ()
    assert score(sheet_of(Q1={"prevu": first("Q1", 4)})).gaps == ()


def test_tools_without_people() -> None:
    tools = {"Q3": first("Q3", 10), "Q4": rows("Q4", *[0] * 7)}
    assert score(sheet_of(**tools)).gaps == ("outils_sans_competences",)
    assert score(sheet_of(**tools, Q5=first("Q5", 1))).gaps == ()


def test_data_without_security() -> None:
    data = first("Q7", 5)
    assert score(sheet_of(Q7=data, Q8=first("Q8", 2))).gaps == ("donnees_sans_securite",)
    assert score(sheet_of(Q7=data, Q8=first("Q8", 3))).gaps == ()
    assert score(sheet_of(Q7=first("Q7", 4))).gaps == ()


LEVELS = {"multi": "01?", "double": "012?", "echelle": "012345?", "tri": "012?"}

# --- plan ------------------------------------------------------------------------------------------------------------


def ids_of_plan(sheet: str) -> list[str]:
    return [entry.measure.id for entry in plan(calls_of(sheet), score(sheet).parts)]


def test_security_comes_first_while_data_and_security_are_low() -> None:
    chosen = ids_of_plan(A)
    assert len(chosen) == 6
    assert [name.partition(".")[0] for name in chosen] == ["Q8"] * 5 + [chosen[5].partition(".")[0]]
    assert BY_ID[chosen[5]].measure.dimension != "D4"


def test_the_plan_takes_the_best_ratio_and_at_most_two_of_a_dimension() -> None:
    chosen = [BY_ID[name] for name in ids_of_plan(B)]
    ratios = [entry.effect / entry.effort for entry in chosen]
    assert ratios == sorted(ratios, reverse=True)
    dimensions = [entry.measure.dimension for entry in chosen]
    assert all(dimensions.count(dimension) <= 2 for dimension in dimensions)
    assert len(chosen) == 6


def plan_from_the_definition(sheet: str) -> list[str]:
    """The plan as the rules say it: open points of security first while the dimension is low, then by merit."""
    parts, order = score(sheet).parts, {entry.measure.id: place for place, entry in enumerate(TABLE)}
    called = [BY_ID[name] for name in called_for(sheet)]
    low = Fraction(100 * parts["D4"], WHOLE) < 40
    urgent = [entry for entry in called if low and entry.question == "Q8"]
    chosen = [entry.measure.id for entry in sorted(urgent, key=lambda one: (one.merit, order[one.measure.id]))]
    room = Counter({dimension.id: 2 for dimension in COMPLET.dimensions})
    room["D4"] -= len(chosen)
    others = [entry for entry in called if entry not in urgent]
    for entry in sorted(others, key=lambda one: (one.merit, parts[one.measure.dimension], order[one.measure.id])):
        if len(chosen) < 6 and room[entry.measure.dimension] > 0:
            chosen.append(entry.measure.id)
            room[entry.measure.dimension] -= 1
    return chosen


def called_for(sheet: str) -> list[str]:
    """The measures that answers call for: of what is not done, on a scale below a test; of what nobody knows."""
    called: list[str] = []
    for question in COMPLET.questions:
        codes = dict(zip(question.items, sheet[question.span], strict=True))
        low = "012" if question.kind == "echelle" else "0"
        called += [f"{question.id}.{item}" for item in list(codes)[: question.countable] if codes[item] in low]
        called += [f"{question.id}.clarifier"] if "?" in codes.values() else []
    return called


def few(question: Question) -> st.SearchStrategy[str]:
    """Codes of a question of which nearly all is done, nearly nothing, or nearly all unknown."""
    top = str(TOP_LEVEL[question.kind])
    padding = "0" * (len(question.items) - question.countable)

    def but(usual: str) -> st.SearchStrategy[str]:
        one = st.tuples(st.integers(0, question.countable - 1), st.sampled_from(LEVELS[question.kind]))
        return one.map(lambda it: (usual * it[0] + it[1] + usual * question.countable)[: question.countable] + padding)

    return st.sampled_from((top, top, "0", "?")).flatmap(but)


FEW_SHEETS = st.tuples(*(few(question) for question in COMPLET.questions)).map("".join)


@settings(max_examples=300)
@given(st.deferred(lambda: SHEETS) | FEW_SHEETS)
def test_the_plan_is_what_its_definition_says(sheet: str) -> None:
    assert [entry.measure.id for entry in triggered(calls_of(sheet))] == called_for(sheet)
    assert ids_of_plan(sheet) == plan_from_the_definition(sheet)


@pytest.mark.parametrize("security", ["??????", "0?????", "00????", "000000", "1?????", "100000", "11000?"])
@pytest.mark.parametrize("data", ["0000000", "1100000", "???????", "1111110", "1110011"])
def test_security_that_nobody_knows_leaves_room_to_data(security: str, data: str) -> None:
    full = "".join(
        str(TOP_LEVEL[question.kind]) * question.countable + "0" * (len(question.items) - question.countable)
        for question in COMPLET.questions
    )
    seven, eight = QUESTIONS["Q7"].span, QUESTIONS["Q8"].span
    for rest in (full, "0" * COMPLET.size):
        sheet = rest[: seven.start] + data + "0" + security + rest[eight.stop :]
        assert ids_of_plan(sheet) == plan_from_the_definition(sheet)


def test_a_company_that_does_everything_gets_no_plan() -> None:
    sheet = "".join(
        str(TOP_LEVEL[question.kind]) * question.countable + "0" * (len(question.items) - question.countable)
        for question in COMPLET.questions
    )
    assert score(sheet).global_score == 100
    assert (
        triggered(calls_of(sheet))
        == plan(calls_of(sheet), score(sheet).parts)
        == spend_categories(calls_of(sheet))
        == ()
    )


def codes_of(question: Question) -> st.SearchStrategy[str]:
    each = [st.sampled_from(LEVELS[question.kind])] * question.countable
    padding = "0" * (len(question.items) - question.countable)
    return st.tuples(*each).map(lambda codes: "".join(codes) + padding)


SHEETS = st.tuples(*(codes_of(question) for question in COMPLET.questions)).map("".join)


@given(SHEETS)
def test_the_plan_only_holds_measures_called_for_each_once(sheet: str) -> None:
    result = score(sheet)
    chosen = plan(calls_of(sheet), result.parts)
    called = triggered(calls_of(sheet))
    assert len({entry.measure.id for entry in chosen}) == len(chosen) <= RULESET.plan.size
    assert set(chosen) <= set(called)
    urgent = result.scores["D4"] < RULESET.plan.urgent_below
    for dimension in {entry.measure.dimension for entry in chosen} - ({"D4"} if urgent else set()):
        assert sum(entry.measure.dimension == dimension for entry in chosen) <= RULESET.plan.per_dimension
    if urgent:
        security = [entry for entry in called if entry.question == "Q8"]
        assert set(chosen[: len(security)]) == set(security[: RULESET.plan.size]) or len(security) > RULESET.plan.size
    assert spend_categories(calls_of(sheet)) == tuple(
        sorted({c for entry in called for c in entry.measure.spend_categories})
    )


@given(SHEETS)
def test_the_measures_called_for_are_told_as_one_bit_each_in_the_order_of_the_questionnaire(sheet: str) -> None:
    calls = calls_of(sheet)
    bits = f"{int(packed(calls), 16):0{len(calls)}b}"
    assert {entry.measure.id for entry in TABLE if bits[entry.position] == "1"} == {
        entry.measure.id for entry in triggered(calls)
    }
    assert len(packed(calls)) == 31


@given(SHEETS, st.data())
def test_one_more_thing_done_never_lowers_a_score(sheet: str, data: st.DataObject) -> None:
    question = data.draw(st.sampled_from(COMPLET.questions))
    position = data.draw(st.integers(question.start, question.start + question.countable - 1))
    level = 0 if sheet[position] == "?" else int(sheet[position])
    better = sheet[:position] + str(min(level + 1, TOP_LEVEL[question.kind])) + sheet[position + 1 :]
    before, after = score(sheet), score(better)
    assert after.global_score >= before.global_score
    assert all(after.scores[dimension] >= value for dimension, value in before.scores.items())


# --- express ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "band", "basic"),
    [
        (0, "tres_faible", False),
        (3, "tres_faible", False),
        (4, "faible", True),
        (6, "faible", True),
        (7, "eleve", True),
        (9, "eleve", True),
        (10, "tres_eleve", True),
        (12, "tres_eleve", True),
    ],
)
def test_express_bands(points: int, band: str, *, basic: bool) -> None:
    assert score_express("1" * points + "0" * (12 - points)) == (points, band, basic)


def test_express_answers_prefill_what_follows_for_sure() -> None:
    items = list(EXPRESS.questions[0].items)
    told = "".join("1" if item in {"site_web", "erp"} else "0" for item in items)
    sheet = prefill(told, blank(COMPLET))
    filled = {f"{q.id}.{item}": sheet[q.start + n] for q in COMPLET.questions for n, item in enumerate(q.items)}
    known = {"Q3.site_web": "1", "Q3.logiciel_gestion": "1", "Q9.langage": "0", "Q9.image": "0", "Q9.voix": "0"}
    assert {name: code for name, code in filled.items() if code != "."} == known


# --- stages ----------------------------------------------------------------------------------------------------------


def done(stage: str, at: datetime) -> Completed:
    return Completed("id", stage, "r", at, "", {}, 0, "debutant", (), (), Cell("", "", ""))  # pyright: ignore[reportArgumentType]


T0 = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "stage"),
    [
        (datetime(2026, 10, 30, 12, tzinfo=UTC), "libre"),
        (datetime(2026, 10, 31, 12, tzinfo=UTC), "T1"),
        (datetime(2027, 4, 30, 12, tzinfo=UTC), "T1"),
        (datetime(2027, 5, 1, 12, tzinfo=UTC), "libre"),
        (datetime(2027, 10, 31, 12, tzinfo=UTC), "T2"),
        (datetime(2028, 4, 30, 12, tzinfo=UTC), "T2"),
        (datetime(2028, 5, 1, 12, tzinfo=UTC), "libre"),
    ],
)
def test_windows_count_from_the_first_diagnosis_in_calendar_months(now: datetime, stage: str) -> None:
    assert stage_of([done("T0", T0)], now) == stage


def test_only_the_first_inside_a_window_is_t1() -> None:
    assert stage_of([], T0) == "T0"
    assert stage_of([done("T0", T0), done("T1", T0)], datetime(2027, 1, 31, tzinfo=UTC)) == "libre"


def test_days_are_those_of_france() -> None:
    late = datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
    assert valid_until(late) == date(2027, 6, 30)
    assert valid_until(datetime(2028, 2, 29, 12, tzinfo=UTC)) == date(2029, 2, 27)


# --- peers -----------------------------------------------------------------------------------------------------------

COMPANY = Company("", None, "62.01Z", "NAFRev2", "", "12", "", "", "11", None, active=True, sme_category="petite")


@pytest.mark.parametrize(
    ("naf", "headcount", "cell"),
    [
        ("62.01Z", "12", Cell("petite", "J", "11")),
        ("47.11B", "NN", Cell("micro", "G", "11")),
        ("01.11Y", "31", Cell("moyenne", "A", "11")),
        ("99.00Z", "53", Cell("grande", "U", "11")),
        ("", "", Cell("", "", "11")),
    ],
)
def test_peers_share_size_section_and_region(naf: str, headcount: str, cell: Cell) -> None:
    assert cell_of(replace(COMPANY, naf=naf, headcount_code=headcount)) == cell


def test_a_cell_is_widened_by_region_then_section_then_everybody() -> None:
    assert widenings(Cell("micro", "G", "11")) == [
        Cell("micro", "G", "11"),
        Cell("micro", "G", ""),
        Cell("micro", "", ""),
        Cell("", "", ""),
    ]
    assert widenings(Cell("", "", "")) == [Cell("", "", "")]


def test_statistics_and_percentile_of_a_histogram() -> None:
    buckets = [Bucket(10, 5, 52.5), Bucket(20, 10, 205), Bucket(90, 5, 452.5)]
    figures = statistics(buckets)
    assert (figures.count, figures.mean) == (20, 35.5)
    assert (figures.first_quartile, figures.median, figures.third_quartile) == (11, 20.5, 21)
    assert percentile(buckets, 20.9) == 50
    assert percentile(buckets, 0) == 0
    assert percentile(buckets, 100) == 100


@given(st.dictionaries(st.integers(0, 100), st.integers(1, 50), min_size=1))
def test_quartiles_are_in_order_and_percentiles_within_bounds(counts: dict[int, int]) -> None:
    buckets = [Bucket(bucket, count, bucket * count) for bucket, count in sorted(counts.items())]
    figures = statistics(buckets)
    assert 0 <= figures.first_quartile <= figures.median <= figures.third_quartile <= 100
    assert all(0 <= percentile(buckets, value) <= 100 for value in (0, 33.3, 100))


def test_a_value_above_the_last_band_is_in_it() -> None:
    """Sums of floating-point numbers may end a hair above 100."""
    last = RULESET.bands[-1]
    assert band_of(RULESET.bands, last.up_to + 1e-9) == last.id
