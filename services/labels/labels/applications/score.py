"""Points of a file: proofs beyond what admission needs, and progress between two diagnoses."""

from labels.applications.admission import is_proved
from labels.applications.exact import exact
from labels.applications.inputs import ApplyForLabel
from labels.applications.model import LabelFile
from labels.ruleset import Ruleset


def file_score(file: LabelFile, content: ApplyForLabel, ruleset: Ruleset) -> int:
    """Points of an admissible file: proved commitments, compulsory and other, plus progress from T0 to T1."""
    rules = ruleset.score
    compulsory = other = 0
    taken = {engagement.number: engagement for engagement in content.engagements}
    for commitment in ruleset.charter.commitments:
        engagement = taken.get(commitment.number)
        if engagement is not None and engagement.engaged and is_proved(commitment, engagement):
            compulsory += commitment.compulsory
            other += not commitment.compulsory
    return (
        rules.compulsory_points * compulsory
        + min(rules.other_points * other, rules.other_points_max)
        + progress_points(file, ruleset)
    )


def progress_points(file: LabelFile, ruleset: Ruleset) -> int:
    """One point for every whole step of global score gained between T0 and T1, within the maximum; never negative."""
    if file.first_global is None or file.second_global is None:
        return 0
    rules = ruleset.score
    steps = exact(file.second_global - file.first_global) // exact(rules.progress_step)
    return max(0, min(steps, rules.progress_points_max))
