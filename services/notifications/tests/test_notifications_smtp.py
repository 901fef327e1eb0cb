"""SMTP addresses and letters: what a mail server and a mail reader see."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.declare.errors import Misconfigured
from notifications.mail.letters import Letterhead
from notifications.mail.rendering import Rendered
from notifications.mail.smtp import Server, read_url

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


@pytest.mark.parametrize("url", ["http://relais", "smtp://", "relais:25", "smtp+plain://u:p@relais"])
def test_an_address_that_cannot_work_says_so(url: str) -> None:
    with pytest.raises(Misconfigured, match="CROISSANCE_SMTP__URL"):
        read_url(url)


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
