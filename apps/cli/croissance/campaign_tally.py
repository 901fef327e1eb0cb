"""What a campaign came to, step by step and region by region."""

from collections import Counter
from dataclasses import dataclass, field
from itertools import chain


@dataclass(slots=True)
class Step:
    """One step of the campaign as it goes.

    Attributes:
        title: in French.
        done: items answered.
        outcomes: answer → how many.
        began: when its first batch was sent, monotonic seconds; 0 before.
        ended: when its last batch was answered.
    """

    title: str
    done: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    began: float = 0.0
    ended: float = 0.0

    @property
    def rate(self) -> float:
        """Items a second, between its first request and its last answer."""
        return self.done / (self.ended - self.began) if self.ended > self.began else 0.0


@dataclass(slots=True)
class Tally:
    """What the campaign came to; regions by INSEE code."""

    steps: dict[str, Step] = field(
        default_factory=lambda: {
            "registrations": Step("Inscriptions"),
            "diagnostics": Step("Diagnostics"),
            "labels": Step("Candidatures au label"),
            "vouchers": Step("Demandes de chèque"),
        }
    )
    regions: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    refused: list[str] = field(default_factory=list[str])
    companies: int = 0
    labelled: dict[str, None] = field(default_factory=dict[str, None])
    financed: dict[str, None] = field(default_factory=dict[str, None])

    @property
    def example(self) -> str:
        """A company worth telling the story of: the first labelled and financed one, else either; "" without any."""
        both = (siren for siren in self.labelled if siren in self.financed)
        return next(chain(both, self.labelled, self.financed), "")

    def region(self, code: str) -> Counter[str]:
        """The counters of a region."""
        return self.regions.setdefault(code, Counter())

    def refuse(self, text: str) -> None:
        """Keep the first few refusals of items, to be shown."""
        if len(self.refused) < 5:
            self.refused.append(text)
