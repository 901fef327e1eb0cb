"""Messages in French: words and templates; from what waits to a subject, a text and an HTML page."""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import jinja2
import msgspec
from markupsafe import Markup

from france.days import last_day
from france.siren import in_groups
from france.typography import NO_BREAK, long_day, one_decimal, short_euros
from notifications.messages.notices import Notice
from notifications.messages.planning import Mail, Waiting
from notifications.messages.table import BY_TEMPLATE

_PACKAGE: Final = files("notifications")
CLOSED: Final = frozenset({"entreprise_fermee", "entreprise_inactive"})
"""Codes of a refusal for a company that is closed."""

_TYPOGRAPHY: Final = re.compile(r" (?=[:;!?»€]|%(?!\}))|(?<=«) ")


@dataclass(frozen=True, slots=True)
class Rendered:
    """One mail as people read it."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Site:
    """Where links of mails lead, and whom people may write to.

    Attributes:
        public_url: address of the platform, without a final slash.
        appeal_to: address that takes the appeals against a decision.
        appeal_months: how long after its reception a decision may be appealed against.
        help_to: address that answers questions, "" when there is none.
    """

    public_url: str
    appeal_to: str
    appeal_months: int
    help_to: str = ""


class RenderingError(Exception):
    """A message cannot be written: its fact does not fit its template. The text says why."""


def render(site: Site, mail: Mail, unsubscribe_url: str) -> Rendered:
    """Write a mail: its messages one under the other in the common layout.

    Args:
        site: where links lead.
        mail: what to tell, and to whom.
        unsubscribe_url: one-click address; "" for a legal act, which has none.

    Raises:
        RenderingError: a fact does not decode, a template uses what it does not have, a figure cannot be shown.
    """
    try:
        contexts = [_context(site, mail, message) for message in mail.messages]
        subject = _subject(contexts)
        frame: dict[str, object] = {
            "name": mail.contact.name,
            "siren": mail.contact.siren,
            "subject": subject,
            "site": site,
            "legal": mail.legal,
            "unsubscribe_url": unsubscribe_url,
        }
        text = [(each.notice.title, _part(each, ".txt").strip()) for each in contexts]
        html = [Markup(_part(each, ".html")) for each in contexts]  # noqa: S704  escaped by the templates
        return Rendered(
            subject,
            _template("layout.txt").render(frame, sections=text),
            _template("layout.html").render(frame, sections=html),
        )
    except Exception as error:  # whatever it is, it is this mail's fault: the others of its turn must leave
        raise RenderingError(f"{type(error).__name__}: {error}") from error


class _Section(NamedTuple):
    """One message of a mail, ready for its templates."""

    notice: Notice
    variables: Mapping[str, object]


def _context(site: Site, mail: Mail, message: Waiting) -> _Section:
    kind, notice = BY_TEMPLATE[message.template]
    fact: Any = msgspec.json.decode(message.fact, type=kind)
    return _Section(notice, {"fact": fact, "siren": mail.contact.siren, "site": site})


def _part(section: _Section, suffix: str) -> str:
    return _template(section.notice.template + suffix).render(section.variables)


def _subject(sections: Sequence[_Section]) -> str:
    """The subject of the only message; of a digest, what its messages are about."""
    if len(sections) == 1:
        text = _part(sections[0], ".subject.txt")
    else:
        titles = list(dict.fromkeys(section.notice.title for section in sections))
        more = f" et {len(titles) - 3} autres nouvelles" if len(titles) > 4 else ""
        text = " – ".join(titles[:3] if more else titles) + more
    return " ".join(text.split())


# --- words -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def vocabulary() -> dict[str, dict[str, str]]:
    """The French words of `data/vocabulary.toml`, by kind and code."""
    document = tomllib.loads((_PACKAGE / "data" / "vocabulary.toml").read_text("utf-8"))
    return {kind: words for kind, words in document.items() if isinstance(words, dict)}


def word(code: str, kind: str) -> str:
    """The French word for a code; the code itself, readable, when it is not known."""
    return vocabulary()[kind].get(code) or code.replace("_", " ")


def remedy(code: str) -> str:
    """How to mend what a refusal names."""
    remedies = vocabulary()["remedies"]
    return remedies.get(code) or remedies[""]


def axes(scores: Mapping[str, float], prefix: str) -> list[tuple[str, float]]:
    """The scores whose code begins with `prefix`, in order of code."""
    return sorted((code, value) for code, value in scores.items() if code.startswith(prefix))


def until(end: datetime) -> str:
    """The last day of what lasts until an instant, in words."""
    return long_day(last_day(end))


def is_closed(codes: Sequence[str]) -> bool:
    """Whether a refusal says that the company is closed: then nothing else helps it."""
    return not CLOSED.isdisjoint(codes)


def link(url: str) -> str:
    """A web address safe to put in a link; "" for anything that is not http(s)."""
    return quote(url, safe=":/?#[]@!$&'()*+,;=%~") if url.startswith(("https://", "http://")) else ""


# --- templates -------------------------------------------------------------------------------------------------------


def _source(name: str) -> str | None:
    """A template's text, its French punctuation kept on one line with its word by no-break spaces."""
    path = _PACKAGE / "templates" / name
    if not path.is_file():
        return None
    return _TYPOGRAPHY.sub(NO_BREAK, path.read_text("utf-8"))


_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "axes": axes,
    "word": word,
    "remedy": remedy,
    "day": long_day,
    "until": until,
    "closed": is_closed,
    "euros": short_euros,
    "score": one_decimal,
    "siren": in_groups,
    "link": link,
}


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """The templates of the package: HTML escaped, nothing undefined tolerated."""
    made = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=jinja2.select_autoescape(("html",), default_for_string=True),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    filters: dict[str, Any] = made.filters
    filters.update(_FILTERS)
    return made


@lru_cache(maxsize=256)
def _template(name: str) -> jinja2.Template:
    return environment().get_template(name)
