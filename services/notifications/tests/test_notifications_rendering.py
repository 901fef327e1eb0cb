"""Every template, from realistic facts: what matters is there, in good French, and nothing is left undefined."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import msgspec
import pytest

from notifications.mail import rendering
from notifications.mail.rendering import Rendered, RenderingError, Site, render
from notifications.messages.planning import Mail

from .samples import CONTACT, EVENTS, mail, waiting

SITE = Site("https://croissance-connectee.example", "recours@exemple.fr", 2, "aide@exemple.fr")
LINK = "https://croissance-connectee.example/v1/unsubscribe?token=abc"

KEY_FACTS = {
    "diagnostic_completed": ["43,8 sur 100", "Intermédiaire", "Données et sécurité", "61,9", "16,0",
        "Bâtir un plan de formation", "22 novembre 2027 inclus"],
    "connector_matched": ["CCI de Lyon", "Cabinet Martin", "CMA Auvergne-Rhône-Alpes", "Intervient dans votre commune",
        "Sujet principal", "À confirmer avec vous", "26 novembre 2026 inclus", "la cybersécurité"],
    "need_unserved": ["3 reprises", "référent de votre région"],
    "match_accepted": ["accepte de vous accompagner"],
    "aids_recommended": ["Diagnostic cyber gratuit", "https://www.cybermalveillance.gouv.fr/", "chiffre d’affaires"],
    "label_applied": ["accusé de réception", "CAND-1"],
    "label_granted": ["CC-2026-000042", "exemplaire", "23 novembre 2028 inclus",
        "https://croissance-connectee.example/v1/labels/CC-2026-000042"],
    "label_refused": ["il faut plus de 50", "n’est plus en activité", "nouvelle candidature", "recours@exemple.fr",
        "2 mois", "tribunal administratif"],
    "label_waitlisted": ["position 17", "2026"],
    "label_expired": ["23 novembre 2028 inclus", "CC-2026-000042"],
    "voucher_requested": ["accusé de réception", "V-1", "2 500 €", "4 000,50 €", "23 décembre 2026",
        "Site et vente en ligne", "soit 2 500,25 €, ramenés à 2 500,00 €", "réservé pour vous"],
    "voucher_reserved": ["2 500 €", "V-3", "23 décembre 2026", "ramenés à 2 500,00 €", "quitte la liste d’attente"],
    "voucher_granted": ["2 500 €", "50 % de 5 000,50 €", "ramenés à", "1er mai 2027", "23 novembre 2027", "convention"],
    "voucher_refused": ["cotisations sociales", "Urssaf", "recours@exemple.fr", "tribunal administratif"],
    "voucher_waitlisted": ["position 5"],
    "voucher_renounced": ["renonciation", "V-4", "1 000 €", "aide@exemple.fr"],
    "voucher_expired": ["V-5", "nouvelle demande", "1 000 €", "recours@exemple.fr"],
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
    long = ["diagnostic_completed", "connector_matched", "aids_recommended", "need_unserved", "match_accepted"]
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


def test_a_file_that_waits_is_promised_nothing() -> None:
    made = rendered(mail("voucher_requested", reserved=False))
    for told in (plain(made.text), plain(made.html)):
        assert "liste d’attente" in told
        assert "réservé" not in told
        assert "23 décembre 2026" not in told


@pytest.mark.parametrize(
    ("template", "code"), [("label_refused", "entreprise_fermee"), ("voucher_refused", "entreprise_inactive")]
)
def test_a_closed_company_is_not_told_to_mend_its_file(template: str, code: str) -> None:
    closed = rendered(mail(template, reasons=["L’entreprise est fermée."], codes=[code])).text
    assert "Sinon, aucune démarche n’est attendue de vous." in closed
    assert "Un connecteur peut vous y aider" not in closed
    assert "PME" not in closed
    assert "recours@exemple.fr" in closed


def test_nothing_is_said_of_money_that_was_never_held() -> None:
    assert "Aucune somme ne vous était réservée." in rendered(mail("voucher_renounced", released_cents=0)).text


def test_without_an_address_nobody_is_asked_to_write() -> None:
    silent = render(replace(SITE, help_to=""), mail("match_accepted"), LINK)
    assert "écrivez" not in silent.text
    assert "écrivez à aide@exemple.fr" in rendered(mail("match_accepted")).text


def test_an_older_fact_is_told_without_what_it_lacks() -> None:
    older = rendered(mail("diagnostic_completed", valid_until=None))
    assert "compte jusqu’au" not in older.text
    assert "Taux" in rendered(mail("voucher_granted", calculation="")).text
    assert "Calcul" not in rendered(mail("voucher_requested", calculation="")).text
    idle = rendered(mail("diagnostic_completed", measures=[]))
    assert "n’appellent aucune action" in idle.text
    assert "connecteurs" not in idle.text


def test_filters() -> None:
    assert rendering.until(datetime(2026, 12, 2, 23, tzinfo=UTC)) == "2 décembre 2026"
    assert rendering.is_closed(("score_global", "entreprise_fermee"))
    assert not rendering.is_closed(("score_global",))
    assert rendering.link("ftp://x") == ""
