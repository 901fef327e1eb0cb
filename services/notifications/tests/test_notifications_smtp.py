"""SMTP addresses and letters: what a mail server and a mail reader see."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.declare.errors import Misconfigured
from common.process.settings import read_settings
from notifications.mail.letters import Letterhead, read_person
from notifications.mail.rendering import Rendered
from notifications.mail.smtp import Server, greeting, is_greeting, read_url
from notifications.settings import NotificationSettings

MAIL = UUID("019abc00-0000-7000-8000-000000000001")
HEAD = Letterhead("Croissance connectée <ne-pas-repondre@croissance-connectee.example>", "aide@exemple.fr")


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://127.0.0.1:1025", Server("127.0.0.1", 1025, tls=False, start_tls=None, username=None, password=None)),
        ("smtp://relais", Server("relais", 25, tls=False, start_tls=None, username=None, password=None)),
        ("smtps://u:p%40ss@relais", Server("relais", 465, tls=True, start_tls=False, username="u", password="p@ss")),
        ("smtp://u:p@relais", Server("relais", 25, tls=False, start_tls=True, username="u", password="p")),
        ("smtp+starttls://relais", Server("relais", 587, tls=False, start_tls=True, username=None, password=None)),
        ("smtp+plain://relais", Server("relais", 25, tls=False, start_tls=False, username=None, password=None)),
    ],
)
def test_addresses_of_mail_servers(url: str, server: Server) -> None:
    assert read_url(url) == server


WRONG: list[tuple[str, object, str]] = [
    *(
        ("CROISSANCE_SMTP__URL", url, why)
        for url, why in [
            ("http://relais", "expected smtp://"),
            ("smtp://", "and a host"),
            ("relais:25", "expected smtp://"),
            ("smtp+plain://u:secret@relais", "unencrypted"),
            ("smtp://relais:99999", "the port"),
            ("smtp://relais:0", "the port"),
            ("smtp://relais:vingt-cinq", "the port"),
            ("smtp://u:se#cret@relais", "the port|comes after"),
            ("smtp://relais/dossier", "comes after"),
            ("smtp://u@relais", "come together"),
            ("smtp://[::1", "an address"),
        ]
    ),
    ("CROISSANCE_SMTP__GREETING", "mon_poste", "domain name"),
    ("CROISSANCE_SMTP__GREETING", "é.fr", "domain name"),
    ("CROISSANCE_NOTIFICATIONS__SENDER", "Croissance connectée", "an address"),
    ("CROISSANCE_NOTIFICATIONS__SENDER", "", "at least 1"),
    ("CROISSANCE_NOTIFICATIONS__SENDER", "Nom <a@b@c>", "an address"),
    ("CROISSANCE_NOTIFICATIONS__SENDER", "N\x07om <a@exemple.fr>", "control characters"),
    ("CROISSANCE_NOTIFICATIONS__REPLY_TO", "aide chez exemple.fr", "an address"),
    ("CROISSANCE_NOTIFICATIONS__APPEAL_TO", "", "an address"),
    ("CROISSANCE_NOTIFICATIONS__TIMEOUT_SECONDS", 300, "lease_seconds must be above"),
    ("CROISSANCE_NOTIFICATIONS__RETRY_MAX_SECONDS", 1, "retry_max_seconds"),
    ("CROISSANCE_NOTIFICATIONS__QUIET_FROM", "08:00", "no hour would be quiet"),
    ("CROISSANCE_PUBLIC_URL", "croissance-connectee.fr", "expected http"),
    ("CROISSANCE_PUBLIC_URL", "ftp://croissance-connectee.fr", "expected http"),
    ("CROISSANCE_PUBLIC_URL", "https://croissance-connectee.fr/?page=1", "expected http"),
]


@pytest.mark.parametrize(("name", "value", "why"), WRONG)
def test_a_setting_that_cannot_work_is_refused_at_the_start_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: object, why: str
) -> None:
    monkeypatch.setenv("CROISSANCE_NOTIFICATIONS__QUIET_HOURS", "true")
    monkeypatch.setenv(name, str(value))
    with pytest.raises(Misconfigured, match=why) as refused:
        read_settings(NotificationSettings)
    assert name.removesuffix("_SECONDS").removesuffix("_FROM").rpartition("__")[0] in str(refused.value)
    assert name.rpartition("__")[2].lower() in str(refused.value).lower()
    assert "secret" not in str(refused.value)


def test_what_can_work_is_taken() -> None:
    read_settings(NotificationSettings)
    for url in ("smtp://127.0.0.1:1025", "smtps://u:p%23@relais/", "smtp://[::1]:25"):
        assert read_url(url).host


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("Croissance connectée <a@exemple.fr>", "Croissance connectée", "a@exemple.fr"),
        ("Région Île-de-France, pôle PME <a@exemple.fr>", "Région Île-de-France, pôle PME", "a@exemple.fr"),
        ("Pole PME, Lyon <a@exemple.fr>", "Pole PME, Lyon", "a@exemple.fr"),
        ('"Pôle \\"PME\\", Lyon" <a@exemple.fr>', 'Pôle "PME", Lyon', "a@exemple.fr"),
        ("a@exemple.fr", "", "a@exemple.fr"),
        ("<a@relais>", "", "a@relais"),
        ("A < B <a@région.fr>", "A < B", "a@xn--rgion-bsa.fr"),
    ],
)
def test_a_sender_is_read_as_people_write_it(text: str, name: str, address: str) -> None:
    assert read_person(text) == (name, address)
    letter = Letterhead(text).write(MAIL, ("", "b@exemple.fr"), Rendered("s", "t", "h"), datetime.now(UTC), "")
    (sender,) = message_from_bytes(letter.content, policy=default)["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, address)


def test_a_server_is_greeted_by_a_name_that_it_can_take() -> None:
    assert greeting("[192.0.2.1]", "exemple.fr") == "[192.0.2.1]"
    assert greeting("relais", "exemple.fr") == "relais"
    assert is_greeting(greeting("", "exemple.fr"))
    assert "." in greeting("", "exemple.fr")
    names = ("a.b", "[IPv6:2001:db8::1]", "mon_poste.fr", "-a.fr", "a..b", "", "a" * 64, "a.b\r\n", f"{'a.' * 128}b")
    assert [is_greeting(name) for name in names] == [True, True, False, False, False, False, False, False, False]


def test_a_letter_reads_back() -> None:
    rendered = Rendered("Votre chèque est accordé", "Bonjour.\n.point\n", "<p>Bonjour</p>")
    at = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    letter = HEAD.write(
        MAIL, ("Élise Nœud", "elise@exemple.fr"), rendered, at, "https://x.example/u?token=" + "a" * 120
    )
    letter.content.decode("ascii")
    assert max(len(line) for line in letter.content.splitlines()) <= 998
    read = message_from_bytes(letter.content, policy=default)
    assert read["Message-ID"] == f"<{MAIL.hex}@croissance-connectee.example>"
    assert str(read["To"]) == "Élise Nœud <elise@exemple.fr>"
    assert str(read["From"]) == HEAD.sender
    assert read["Reply-To"] == "aide@exemple.fr"
    assert read["Subject"] == rendered.subject
    assert "".join(str(read["List-Unsubscribe"]).split()) == "<https://x.example/u?token=" + "a" * 120 + ">"
    assert read["Date"].datetime == at
    body = read.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == rendered.text.splitlines()


def test_the_same_mail_is_the_same_bytes() -> None:
    rendered = Rendered("s", "t\n", "<p>h</p>")
    at = datetime(2026, 11, 23, tzinfo=UTC)
    letters = {HEAD.write(MAIL, ("", "a@exemple.fr"), rendered, at, "").content for _ in range(2)}
    assert len(letters) == 1


@given(
    name=st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=100),
    subject=st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=200),
)
@settings(deadline=None)
def test_any_name_and_subject_read_back(name: str, subject: str) -> None:
    letter = HEAD.write(MAIL, (name, "a@exemple.fr"), Rendered(subject, "t", "h"), datetime.now(UTC), "")
    head = letter.content.partition(b"\r\n\r\n")[0]
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))
    assert all(len(word) <= 75 for word in head.split() if word.startswith(b"=?utf-8?b?"))
    read = message_from_bytes(letter.content, policy=default)
    assert read["To"].addresses[0].addr_spec == "a@exemple.fr"
    assert "".join(read["To"].addresses[0].display_name.split()) == "".join(name.split())
    assert "".join(str(read["Subject"]).split()) == "".join(subject.split())


def test_a_name_cannot_add_headers() -> None:
    letter = HEAD.write(
        MAIL, ("x\r\nBcc: b@exemple.fr", "a@exemple.fr"), Rendered("s", "t", "h"), datetime.now(UTC), ""
    )
    assert message_from_bytes(letter.content)["Bcc"] is None
