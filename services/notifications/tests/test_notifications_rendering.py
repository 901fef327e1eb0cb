"""Every template, from realistic facts: what matters is there, in good French, and nothing is left undefined."""

import re
from datetime import date
from html.parser import HTMLParser

import msgspec
import pytest

from notifications.mail import rendering
from notifications.mail.rendering import Rendered, RenderingError, Site, render
from notifications.messages.planning import Mail

from .samples import CONTACT, EVENTS, mail, waiting

SITE = Site("https://croissance-connectee.example", 12)
LINK = "https://croissance-connectee.example/v1/unsubscribe?token=abc"

KEY_FACTS = {
    "diagnostic_completed": ["43,8 sur 100", "Intermédiaire", "Données et sécurité", "61,9", "16,0",
        "Bâtir un plan de formation", "23 novembre 2027"],
    "connector_matched": ["CCI de Lyon", "Cabinet Martin", "CMA Auvergne-Rhône-Alpes", "Intervient dans votre commune",
        "Sujet principal", "À confirmer avec vous", "26 novembre 2026 à 23 h 59", "la cybersécurité"],
    "need_unserved": ["3 reprises", "référent de votre région"],
    "match_accepted": ["accepte de vous accompagner"],
    "aids_recommended": ["Diagnostic cyber gratuit", "https://www.cybermalveillance.gouv.fr/", "chiffre d’affaires"],
    "label_applied": ["accusé de réception", "CAND-1"],
    "label_granted": ["CC-2026-000042", "exemplaire", "23 novembre 2028",
        "https://croissance-connectee.example/v1/register/CC-2026-000042"],
    "label_refused": ["il faut plus de 50", "n’est plus en activité", "nouvelle candidature"],
    "label_waitlisted": ["position 17", "2026"],
    "label_expired": ["23 novembre 2028", "CC-2026-000042"],
    "voucher_requested": ["accusé de réception", "V-1", "2 500 €", "4 000,50 €", "23 décembre 2026",
        "Site et vente en ligne"],
    "voucher_granted": ["2 500 €", "50 %", "1er mai 2027", "23 novembre 2027", "convention"],
    "voucher_refused": ["cotisations sociales", "Urssaf"],
    "voucher_waitlisted": ["position 5"],
    "voucher_renounced": ["renonciation", "V-4"],
    "voucher_expired": ["V-5", "nouvelle demande"],
}  # fmt: skip


class Plain(HTMLParser):
    """The text of a page; checks that tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "br", "hr"}:
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def plain(text: str) -> str:
    return " ".join(text.split())


def read(page: str) -> Plain:
    parser = Plain()
    parser.feed(page)
    parser.close()
    assert not parser.open
    return parser


def rendered(made: Mail) -> Rendered:
    return render(SITE, made, "" if made.legal else LINK)


@pytest.mark.parametrize("template", EVENTS)
def test_the_key_facts_stand_in_text_and_page(template: str) -> None:
    made = rendered(mail(template))
    page = read(made.html)
    for words in (plain(made.text), plain(" ".join(page.words + page.links))):
        for key in [*KEY_FACTS[template], "Bonjour Camille Martin", "Prochaine étape", "Échéance"]:
            assert key.lower() in words.lower(), key
    assert 10 < len(made.subject) < 110
    assert "\n" not in made.subject


@pytest.mark.parametrize("template", EVENTS)
def test_the_writing_is_clean(template: str) -> None:
    made = rendered(mail(template))
    words = plain(" ".join(read(made.html).words))
    for text in (made.text, words, made.subject):
        assert not re.search(r"\{\{|\}\}|\{%|None|undefined|\bTrue\b|\bFalse\b", text)
        assert not re.search(r"\b(tu|ton|tes|toi)\b", text, re.IGNORECASE)
    for text in (made.text, made.html):
        assert not re.search(r"\w [;!?»]|« ", text), "French punctuation keeps to its word"
    assert "\n\n\n\n" not in made.text
    assert "'" not in re.sub(r"https?://\S+", "", made.text)


@pytest.mark.parametrize("template", EVENTS)
def test_only_ordinary_mails_offer_to_unsubscribe(template: str) -> None:
    made = mail(template)
    written = rendered(made)
    links = read(written.html).links
    assert (LINK in written.text) is not made.legal
    assert (LINK in links) is not made.legal


def test_a_digest_names_its_parts() -> None:
    made = rendered(mail("diagnostic_completed", "connector_matched", "aids_recommended"))
    assert made.subject == (
        "Résultats de votre diagnostic – Vos connecteurs du numérique – Aides et ressources pour vous"
    )
    assert made.text.index("RÉSULTATS") < made.text.index("CONNECTEURS") < made.text.index("AIDES ET RESSOURCES")
    assert made.text.count("Bonjour") == 1
    long = ["diagnostic_completed", "connector_matched", "aids_recommended", "label_waitlisted", "voucher_waitlisted"]
    assert rendered(mail(*long)).subject.endswith("et 2 autres nouvelles")
    assert "DIAGNOSTIC" in rendered(mail("diagnostic_completed", "diagnostic_completed")).text


def test_html_is_escaped_and_links_are_web_addresses_only() -> None:
    made = rendered(mail("aids_recommended"))
    assert "Prêt &lt;croissance&gt;" in made.html
    assert "Prêt <croissance>" in made.text
    assert "javascript:" not in made.html + made.text
    rude = rendered(mail("diagnostic_completed", contact=CONTACT._replace(name='<img src=x onerror="a">')))
    assert "<img" not in rude.html


def test_a_contact_without_a_name_is_greeted() -> None:
    assert rendered(mail("label_granted", contact=CONTACT._replace(name=""))).text.startswith("Bonjour,")


def test_variants_of_the_facts() -> None:
    assert "D’autres" not in rendered(mail("connector_matched")).text
    assert "d’autres" in rendered(mail("connector_matched", round=2)).text
    assert rendered(mail("connector_matched", round=2)).subject.startswith("De nouveaux connecteurs")
    assert "pas encore de connecteur" in rendered(mail("need_unserved", rounds=0)).text
    assert "à 1 reprise," in rendered(mail("need_unserved", rounds=1)).text
    assert "mention" not in rendered(mail("label_granted", exemplary=False)).text
    assert "rien à faire tout de suite" in rendered(mail("diagnostic_completed", measures=[])).text
    assert "retrait de votre demande" in rendered(mail("voucher_renounced", status="retire")).text
    unknown = rendered(mail("voucher_refused", reasons=["A.", "B."], codes=["nouveau_code"])).text
    assert unknown.count("Corrigez ce point") == 2
    assert (
        "nouvelle categorie"
        in rendered(mail("voucher_requested", lines=[{"category": "nouvelle_categorie", "amount_cents": 1}])).text
    )


def test_a_fact_that_does_not_fit_is_an_error_that_says_why() -> None:
    broken = Mail(waiting("label_granted").cause, CONTACT, (waiting("label_granted", fact=b'{"label_id": 1}'),))
    with pytest.raises(RenderingError, match="label_id"):
        rendered(broken)
    odd = msgspec.json.encode({"label_id": "x"})
    with pytest.raises(RenderingError, match="missing required field"):
        rendered(Mail(broken.mail_id, CONTACT, (waiting("label_granted", fact=odd),)))


def test_filters() -> None:
    assert rendering.plus_months(date(2026, 8, 31), 6) == date(2027, 2, 28)
    assert rendering.link("ftp://x") == ""
