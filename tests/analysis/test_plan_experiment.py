"""`pyalign.plan_experiment`: designs, the fewest participants, prices, what a pilot must say, and the paragraph."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from support import draw_triplets

import pyalign
from pyalign import Components
from pyalign.documents import Interval
from pyalign.report.charts.theme import rows_of
from pyalign.stats.components import Design, Outlook

KNOWN = Components(objects=0.0024, subjects=0.0006, both=0.0002, pairs=0.0, triplets=0.0, answers=0.41)
SMALL = {"n_objects": [60, 200], "n_subjects": [10, 40], "answers_per_subject": 50}


@pytest.fixture(scope="module")
def study():
    """Two models, triplets of 40 objects that 16 participants answer."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 4))
    models = {"good": x + 0.3 * rng.normal(size=x.shape), "bad": x + rng.normal(size=x.shape)}
    triplets = draw_triplets(3, 40, 1200)
    odd, rows = pyalign.odd_one_out(x, triplets), np.arange(1200)
    odd = np.where(rng.random(1200) < 0.3, rng.integers(0, 3, 1200), odd)
    triplets[rows, odd], triplets[rows, 2] = triplets[rows, 2], triplets[rows, odd]
    return models, triplets, rows % 16


def plan(pilot=KNOWN, **options):
    return pyalign.plan_experiment(pilot, **{"difference": 0.05, **SMALL, **options})


# Designs


def test_every_combination_is_a_design_with_what_is_expected_of_it():
    found = plan()
    assert [(one.n_objects, one.n_subjects, one.n_answers) for one in found.designs] == [
        (60, 10, 500), (60, 40, 2000), (200, 10, 500), (200, 40, 2000),
    ]
    for one in found.designs:
        outlook = Outlook(KNOWN, Design(one.n_objects, one.n_subjects, 50, float(one.n_objects), float(one.n_subjects)))
        assert one.standard_error == outlook.error
        assert one.width == outlook.width(0.95)
        assert one.power == outlook.power(0.05, 0.95)
        assert one.cost is None
    assert found.ci_by == "objects+subjects"


def test_the_fewest_participants_are_enough_and_one_less_is_not():
    found = plan()
    assert [one.n_objects for one in found.needed] == [200]  # 60 objects are not enough, whoever answers
    (enough,) = found.needed
    assert enough.power >= 0.8
    assert plan(n_objects=200, n_subjects=enough.n_subjects - 1).designs[0].power < 0.8
    assert found.chosen == enough


def test_designs_are_chosen_by_the_power_averaged_over_what_components_may_be():
    """With ends that weigh 1 / (2 1.96^2) each, three values have the variance of a normal one in this 95% range."""
    ranges = {"objects": (0.001, 0.006), "subjects": (0.0, 0.002)}
    of = {f"{name}_ci": Interval(*ends, None, name, "chi-square", 0.95) for name, ends in ranges.items()}
    pilot = replace(KNOWN, **of)
    (stated,), (enough,) = plan(n_objects=200).needed, plan(pilot, n_objects=200).needed
    assert stated.assurance == stated.power
    assert stated.n_subjects < enough.n_subjects and enough.power > enough.assurance >= 0.8
    assert plan(pilot, n_objects=200, n_subjects=enough.n_subjects - 1).designs[0].assurance < 0.8
    design, end = Design(200, enough.n_subjects, 50, 200.0, float(enough.n_subjects)), 1 / (2 * 1.96**2)
    expected = (1 - 4 * end) * enough.power
    for name, ends in ranges.items():
        for value in ends:
            changed = replace(KNOWN, **{name: value})
            changed = replace(changed, answers=KNOWN.answers + KNOWN.variance - changed.variance)
            expected += end * Outlook(changed, design).power(0.05, 0.95)
    assert enough.assurance == pytest.approx(expected, rel=1e-12)
    found = plan(pilot)
    assert f"on average {100 * found.chosen.assurance:.0f}%)" in found.paragraph
    assert "assurance" in str(found).splitlines()[0] and "participants for an assurance of 80%" in " ".join(
        str(found).split()
    )
    assert "assurance" not in str(plan())


def test_the_cheapest_design_is_chosen():
    options = {"n_objects": [150, 400], "answers_per_subject": [20, 200]}
    many = plan(**options, prices=(0, 10.0, 0))  # few people who answer much
    assert many.chosen.cost == 10.0 * many.chosen.n_subjects
    assert many.chosen == min(many.needed, key=lambda one: one.cost)
    few = plan(**options, prices=(100.0, 0, 0.01))
    assert (few.price_object, few.price_subject, few.price_answer) == (100.0, 0.0, 0.01)
    assert few.chosen.n_objects == 150
    assert few.chosen.cost == pytest.approx(15_000 + 0.01 * few.chosen.n_answers)
    assert plan(**options).chosen.n_answers == min(one.n_answers for one in plan(**options).needed)


def test_where_no_number_of_participants_is_enough_a_note_says_so():
    found = plan(n_objects=30, difference=0.02)
    assert (found.needed, found.chosen, found.power_range, found.paragraph) == ((), None, None, "")
    assert found.notes[-1].startswith("up to 100,000 participants do not reach a power of 0.8")


def test_uneven_designs_have_less_power():
    assert plan(object_balance=0.3).designs[0].power < plan().designs[0].power
    assert plan(subject_balance=0.5).designs[0].power < plan().designs[0].power


def test_other_levels_of_confidence_are_other_tests():
    assert plan(confidence_level=0.99).designs[0].power < plan().designs[0].power
    assert plan(confidence_level=0.99).designs[0].width > plan().designs[0].width


# Pilots


def test_a_comparison_one_of_its_pairs_and_its_components_are_the_same_pilot(study):
    models, triplets, people = study
    compared = pyalign.compare(models, triplets, subjects=people)
    found = plan(compared)
    assert (found.figure, found.models, found.n_pilot) == ("difference of accuracies", ("good", "bad"), 1200)
    assert found.designs == plan(compared.pairs[0]).designs
    assert found.designs == plan(compared.pairs[0].components).designs
    assert found.power_range[0] <= found.chosen.power <= found.power_range[1]
    assert plan(KNOWN, n_objects=200).power_range is None


def test_a_score_plans_the_accuracy_of_one_model(study):
    models, triplets, people = study
    score = pyalign.score(models["good"], triplets, subjects=people)
    assert plan(score, n_objects=400, n_subjects=100).figure == "accuracy"
    assert plan(score).designs == plan(score.only).designs


def test_without_participants_the_plan_is_over_objects_and_says_so(study):
    models, triplets, _ = study
    found = plan(pyalign.compare(models, triplets))
    assert found.ci_by == "objects"
    assert found.components.subjects is None
    assert any("over objects only" in note for note in found.notes)
    assert plan(pyalign.compare(models, triplets), n_subjects=1).designs  # however few answer


def test_what_is_estimated_below_0_counts_as_0_and_a_note_says_so():
    found = plan(replace(KNOWN, subjects=-0.001, pairs=-0.02))
    assert (found.components.subjects, found.components.pairs) == (0.0, 0.0)
    assert found.components.variance == pytest.approx(replace(KNOWN, subjects=-0.001, pairs=-0.02).variance)
    assert "estimates below 0 count as 0: subjects -0.001, pairs -0.02" in found.notes


def test_a_pilot_of_few_participants_is_refused_with_the_range_of_what_it_says(study, message_of):
    models, triplets, _ = study
    compared = pyalign.compare(models, triplets, subjects=np.arange(1200) % 3, ci="objects+subjects")
    message = message_of(plan, compared)
    assert message.startswith("pilot must have an effective number of at least 4 participants to say how they differ")
    assert "the component subjects is within 0 and 0." in message
    stated = replace(compared.pairs[0].components, subjects=0.0005)
    assert plan(stated).components.subjects == 0.0005


def test_a_pilot_of_few_objects_is_refused_with_the_range_of_what_it_says(message_of):
    rng = np.random.default_rng(0)
    x = {"a": rng.normal(size=(7, 3)), "b": rng.normal(size=(7, 3))}
    compared = pyalign.compare(x, draw_triplets(0, 7, 300))
    assert "8 objects to say how they differ" in message_of(plan, compared)


PRICES = "prices must be three numbers of at least 0, of an object, a participant, an answer"


@pytest.mark.parametrize(
    "options,expected",
    [
        ({"difference": 0.0}, "difference must lie between 0 and 1; got 0.0"),
        ({"difference": 5}, "difference must lie between 0 and 1; got 5"),
        ({"power": 1.2}, "power must lie between 0 and 1; got 1.2"),
        ({"prices": (-1, 0, 0)}, f"{PRICES}; got -1, 0, 0"),
        ({"prices": (0, 0, float("inf"))}, f"{PRICES}; got 0, 0, inf"),
        ({"prices": (1, 2)}, f"{PRICES}; got 1, 2"),
        ({"n_objects": 6}, "n_objects must be enough for an interval, which takes an effective number of 8 objects; "
                           "got 6"),
        ({"n_objects": [20], "object_balance": 0.3}, "n_objects must be enough for an interval, which takes an "
                                                     "effective number of 8 objects; got 20"),
        ({"n_subjects": [3, 10]}, "n_subjects must be enough for an interval, which takes an effective number of 4 "
                                  "participants; got 3"),
        ({"n_subjects": []}, "n_subjects must be at least one number; got none"),
        ({"answers_per_subject": 2.5}, "answers_per_subject must be a whole number from 1 to 1,000,000; got 2.5"),
        ({"object_balance": 0.0}, "object_balance must be a fraction above 0, at most 1; got 0.0"),
        ({"subject_balance": 2}, "subject_balance must be a fraction above 0, at most 1; got 2"),
        ({"n_objects": list(range(10, 200)), "n_subjects": list(range(10, 30))},
         "designs must be at most 1,000; got 190 numbers of objects, 20 of participants and 1 of answers"),
    ],
)
def test_bad_options_are_refused_in_one_line(options, expected, message_of):
    assert message_of(plan, **options) == expected


def test_differences_that_are_not_possible_are_refused(study, message_of):
    """Two models that differ on a tenth of the answers differ by a tenth at most."""
    rare = Components(objects=0.0, subjects=0.0, answers=0.09)
    expected = "difference must be possible: of models whose answers differ as rarely at most 0.1; got 0.2"
    assert message_of(plan, rare, difference=0.2) == expected
    models, triplets, people = study
    score = pyalign.score(models["good"], triplets, subjects=people)
    message = message_of(plan, score, difference=0.9)
    assert message.startswith(f"difference must be possible: of a model of this accuracy at most {score.accuracy:.3g}")


def test_what_is_no_pilot_is_refused(study, message_of):
    models, triplets, people = study
    three = {**models, "third": models["good"] + 0.1}
    assert message_of(plan, pyalign.compare(three, triplets)) == (
        "pilot must be of two models; got 3 (give one of its pairs instead)"
    )
    assert message_of(plan, pyalign.score(models, triplets)) == "pilot must have one score; got 2"
    none = "pilot must have variance components, which intervals in closed form come with; got none"
    assert message_of(plan, pyalign.compare(models, triplets, ci=None)) == none
    assert message_of(plan, 3) == "pilot must be a result of pyalign.score or pyalign.compare, or Components; got int"
    over = pyalign.compare(models, triplets, subjects=people, ci="subjects")
    assert message_of(plan, over).startswith("pilot must have intervals over objects")
    same = pyalign.compare({"one": models["good"], "two": models["good"]}, triplets)
    assert message_of(plan, same) == "pilot must have answers that differ; the variance of one is 0"
    wrong = Components(objects=float("nan"), answers=0.2)
    assert message_of(plan, wrong) == "objects of the components must be a finite number; got nan"


# What is shown


def test_the_paragraph_says_what_a_preregistration_needs():
    found = plan(prices=(0, 1.0, 0))
    one, text = found.chosen, found.paragraph
    for part in (
        f"{one.n_answers:,} answers about {one.n_objects} objects, 50 from each of {one.n_subjects} participants",
        "objects 0.0024, subjects 0.0006", f"{100 * one.standard_error:.2f} percentage points",
        "generalize over objects and participants", "two-sided test at the 5% level",
        f"a true difference of 5 percentage points with a power of {100 * one.power:.0f}%",
    ):
        assert part in text
    assert json.loads(found.to_json())["paragraph"] == text


def test_the_table_has_all_designs_and_those_that_are_enough():
    lines = str(plan(prices=(0, 0, 0.5))).splitlines()
    assert lines[0].split() == [
        "objects",
        "participants",
        "answers",
        "each",
        "answers",
        "s.e.",
        "width",
        "power",
        "cost",
    ]
    assert len([line for line in lines if line.startswith(("60 ", "200 "))]) == 5
    assert "fewest participants that are enough:" in lines


def test_documents_are_read_back(tmp_path, study):
    models, triplets, people = study
    for found in (plan(), plan(pyalign.compare(models, triplets, subjects=people), prices=(3, 0, 0))):
        path = tmp_path / "plan.json"
        path.write_text(found.to_json())
        assert pyalign.load_result(path) == found


def test_the_picture_has_a_line_for_each_number_of_objects():
    pytest.importorskip("altair")
    rows = rows_of(plan().plot())
    seen = {(row["design"], row["participants"]): row["power"] for row in rows}
    assert seen == {(f"{one.n_objects} objects", one.n_subjects): one.power for one in plan().designs}
    several = rows_of(plan(answers_per_subject=[20, 50]).plot(limit=2))
    assert {row["design"] for row in several} == {"60 objects, 20 answers each", "60 objects, 50 answers each"}
