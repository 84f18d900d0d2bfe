"""Mail to a real server: what arrives, over which connection, and what becomes of a server that says no."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.delivery import Later, Refused, flush
from midwatch.errors.destinations.people import mail, people_to
from midwatch.errors.destinations.people.letter import letter
from midwatch.service import Service

from ..destinations.syslog_peer import Authority, authority
from .people_double import LONG, SERVICE, Mailbox, mail_server, notice, occurrence, raised, script

if TYPE_CHECKING:
    from midwatch.errors.notices import Notice


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


def deliver(url: str, *notices: Notice) -> int | None:
    """As the worker does."""
    channel = mail.channel_to(url, SERVICE)
    return channel._deliver(list(notices or (notice(),)))


def said(found: EmailMessage) -> str:
    content = found.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")


def test_a_notice_is_a_mail(box: Mailbox) -> None:
    """From whom, to whom, about what, and that nobody is to answer."""
    told = notice(ValueError("naïve – 100 %"))
    assert deliver(f"smtp://127.0.0.1:{box.port}/ops@example.org,b+c@example.org?from=orders@shop.example", told) == 0
    (found,) = box.mails
    (envelope,) = box.envelopes
    assert envelope.mail_from == "orders@shop.example"
    assert envelope.rcpt_tos == ["ops@example.org", "b+c@example.org"]
    assert found["Subject"] == told.title == "[orders production] ValueError: naïve – 100 % (first seen)"
    assert found["From"] == '"orders (Midwatch)" <orders@shop.example>'
    assert found["To"] == "ops@example.org, b+c@example.org"
    assert found["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    assert found["Message-ID"] == f"<{told.id}.midwatch@shop.example>"
    assert told.fingerprint is not None
    assert found["References"] == f"<{told.fingerprint.replace(':', '-')}.midwatch@shop.example>"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["X-Midwatch-Notice"] == "first"
    assert found.get_content_type() == "text/plain"
    assert said(found) == told.whole + "\n"


def test_who_writes_it_if_nobody_says(box: Mailbox) -> None:
    """The user if that is an address, else who gets it: that one exists."""
    deliver(f"smtp://127.0.0.1:{box.port}/ops@example.org")
    assert box.envelopes[0].mail_from == "ops@example.org"
    target = mail._target("smtp://me%40shop.example:secret@mail/ops@example.org")
    assert target.sender == "me@shop.example"


def test_a_few_notices_are_mails_of_their_own(box: Mailbox) -> None:
    """Over one connection."""
    deliver(f"smtp://127.0.0.1:{box.port}/ops@example.org", *(notice(ValueError(str(n))) for n in range(3)))
    subjects = [f"[orders production] ValueError: {n} (first seen)" for n in range(3)]
    assert [found["Subject"] for found in box.mails] == subjects
    assert len(box.connections) == 1


def test_many_notices_are_one_mail(box: Mailbox) -> None:
    """Which says all that they say."""
    notices = [notice(ValueError(f"number {n}")) for n in range(7)]
    assert deliver(f"smtp://127.0.0.1:{box.port}/ops@example.org", *notices) == 0
    (found,) = box.mails
    assert found["Subject"] == f"{notices[0].title} and 6 more"
    assert "References" not in found
    content = said(found)
    assert all(told.whole in content for told in notices)


def test_the_rest_of_a_batch_is_sent_once(box: Mailbox) -> None:
    """A mail that arrived is not sent again with those that did not."""
    channel = mail.channel_to(f"smtp://127.0.0.1:{box.port}/ops@example.org", SERVICE)
    box.answers = ["250 OK", "451 come again", "250 OK"]
    notices = [notice(ValueError(str(n))) for n in range(3)]
    with pytest.raises(Later, match="451 come again"):
        channel._deliver(notices)
    assert len(box.mails) == 1
    assert channel._deliver(notices) == 0
    assert [found["Message-ID"] for found in box.mails] == [f"<{told.id}.midwatch@example.org>" for told in notices]


def test_a_mail_that_is_refused_costs_no_other(box: Mailbox) -> None:
    """It is counted; where none was taken, the reason is told."""
    url = f"smtp://127.0.0.1:{box.port}/ops@example.org"
    box.answers = ["250 OK", "554 too short", "250 OK"]
    assert deliver(url, notice(), notice(), notice()) == 1
    assert len(box.mails) == 2
    assert len(box.connections) == 1
    box.answers = ["554 too short", "554 too long"]
    with pytest.raises(Refused, match="554 too long"):
        deliver(url, notice(), notice())


@pytest.mark.parametrize(
    ("answers", "expected", "arrived"),
    [
        ({"a@x.example": "550 no such user"}, Refused, 1),
        ({"a@x.example": "550 no such user", "b@x.example": "550 nor this"}, Refused, 0),
        ({"a@x.example": "550 no such user", "b@x.example": "450 not yet"}, Later, 0),
    ],
)
def test_recipients_that_are_refused(
    box: Mailbox, answers: dict[str, str], expected: type[Exception], arrived: int
) -> None:
    """Others get it, and it is told; where nobody got it and somebody may, it is tried again."""
    box.recipients = answers
    with pytest.raises(expected) as caught:
        deliver(f"smtp://127.0.0.1:{box.port}/a@x.example,b@x.example")
    assert "no such user" not in str(caught.value)
    assert len(box.mails) == arrived


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_password_is_not_sent_in_the_clear() -> None:
    """Unless the URL says so."""
    with mail_server(login=True) as box:
        with pytest.raises(Refused, match="offers no STARTTLS; starttls=no in the URL does without"):
            deliver(f"smtp://me:swordfish@127.0.0.1:{box.port}/ops@example.org")
        assert not box.users
        deliver(f"smtp://me:swordfish@127.0.0.1:{box.port}/ops@example.org?starttls=no")
        assert box.users == [("me", "swordfish")]
        assert len(box.mails) == 1


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_wrong_password() -> None:
    """Is not tried again, and not told."""
    with mail_server(login=True) as box:
        with pytest.raises(Refused, match=r"^smtp://127.0.0.1:\d+/ops@example.org: 535 to user and password$"):
            deliver(f"smtp://me:sword%3Cfish@127.0.0.1:{box.port}/ops@example.org?starttls=no")
        assert set(box.users) == {("me", "sword<fish")}


def test_starttls(certificates: Authority) -> None:
    """Is used where it is offered; with a password or a certificate to check, only with the right server."""
    with mail_server(tls=certificates.context("localhost"), login=True) as box:
        with pytest.raises(ssl.SSLCertVerificationError):
            deliver(f"smtp://me:swordfish@127.0.0.1:{box.port}/ops@example.org")
        assert not box.users
        deliver(f"smtp://me:swordfish@127.0.0.1:{box.port}/ops@example.org?ca={certificates.ca}")
        assert box.users == [("me", "swordfish")]
        assert box.secure == [True]


@pytest.mark.parametrize(
    ("query", "secure"),
    [
        ("", True),
        ("?starttls=no", False),
        ("?starttls=required", None),
        ("?starttls=required&ca={ca}", None),
        ("?starttls=required&ca={ca}&servername=other.example", True),
        ("?ca={ca}", None),
    ],
)
def test_starttls_by_parameter(certificates: Authority, query: str, secure: bool | None) -> None:
    """The server is `other.example`, which nobody vouches for but us."""
    with mail_server(tls=certificates.context("other")) as box:
        url = f"smtp://127.0.0.1:{box.port}/ops@example.org{query.format(ca=certificates.ca)}"
        if secure is None:
            with pytest.raises(ssl.SSLCertVerificationError):
                deliver(url)
        else:
            deliver(url)
        assert box.secure == ([] if secure is None else [secure])


def test_starttls_that_is_required_and_not_offered(box: Mailbox) -> None:
    """No mail goes out."""
    with pytest.raises(Refused, match="offers no STARTTLS"):
        deliver(f"smtp://127.0.0.1:{box.port}/ops@example.org?starttls=required")
    assert not box.mails


@pytest.mark.parametrize(("name", "arrives"), [("localhost", True), ("other", False)])
def test_tls_from_the_start(certificates: Authority, name: str, arrives: bool) -> None:
    """With the right server only."""
    with mail_server(implicit=certificates.context(name)) as box:
        url = f"smtps://127.0.0.1:{box.port}/ops@example.org?ca={certificates.ca}"
        if arrives:
            deliver(url)
        else:
            with pytest.raises(ssl.SSLCertVerificationError):
                deliver(url)
        assert len(box.mails) == arrives


def test_an_answer_that_was_smuggled_in_before_tls(certificates: Authority) -> None:
    """What comes before TLS counts for nothing."""
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        connection.sendall(b"220 hello\r\n")
        connection.recv(1000)
        connection.sendall(b"250-hello\r\n250 STARTTLS\r\n")
        connection.recv(1000)
        connection.sendall(b"220 go on\r\n250 AUTH PLAIN\r\n")
        with certificates.context("localhost").wrap_socket(connection, server_side=True) as secure:
            heard.append(secure.recv(1000))
            secure.sendall(b"250 hello\r\n")
            heard.append(secure.recv(1000))

    with script(serve) as port, pytest.raises(Refused, match="AUTH"):
        deliver(f"smtp://me:swordfish@127.0.0.1:{port}/ops@example.org?ca={certificates.ca}")
    assert heard[0].startswith(b"ehlo [127.0.0.1]")
    assert not any(b"AUTH" in said for said in heard)


def hangs(connection: socket.socket) -> None:
    connection.recv(1000)


def drips(connection: socket.socket) -> None:
    """One octet at a time, for ever."""
    connection.settimeout(0.05)
    while True:
        connection.sendall(b"2")
        try:
            if not connection.recv(1000):
                return
        except TimeoutError:
            continue


@pytest.mark.parametrize("serve", [hangs, drips])
@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_server_that_hangs(serve: Callable[[socket.socket], None], scheme: str) -> None:
    """Costs its time, and no more."""
    with script(serve) as port, pytest.raises((OSError, Later)):
        deliver(f"{scheme}://127.0.0.1:{port}/ops@example.org?timeout=0.2")


@pytest.mark.parametrize(
    ("said", "expected", "why"),
    [
        (b"", ConnectionError, "hung up"),
        (b"421 too busy\r\n", Later, "421 too busy"),
        (b"554 go away\r\n", Refused, "554 go away"),
        (b"220 hello\r\n502 what?\r\n502 what?\r\n", Refused, "502 what?"),
        (b"\xff\0\r\n", Later, "-1"),
    ],
)
def test_a_server_that_does_not_do_what_it_should(said: bytes, expected: type[Exception], why: str) -> None:
    """What it says is what is told."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(said)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1000):
            pass

    with script(serve) as port, pytest.raises(expected, match=why.replace("?", r"\?")):
        deliver(f"smtp://127.0.0.1:{port}/ops@example.org")


def test_nobody_listens() -> None:
    """It is tried again."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        deliver(f"smtp://127.0.0.1:{port}/ops@example.org")


def test_from_an_exception_to_a_mailbox(box: Mailbox) -> None:
    """All the way, through the worker; a digest at the end."""
    people = people_to([f"smtp://127.0.0.1:{box.port}/ops@example.org"], SERVICE)
    for _ in range(5):
        people.take(occurrence(raised(ValueError("x\r\nBcc: all@example.org\r\n\r\nhello"))))
    box.wait(1)
    people.close(1.0)
    assert flush(LONG)
    first, digest = box.mails
    assert first["Bcc"] is None
    assert first["Subject"].startswith("[orders production] ValueError: x\\x0d\\nBcc: all@example.org")
    assert digest["Subject"] == "[orders production] 4 errors of 1 kind"
    assert digest["X-Midwatch-Notice"] == "digest"
    assert people.alarm.join(LONG)


def test_a_mail_server_that_hangs_delays_no_other() -> None:
    """Who hears by other ways hears at once, and what waits is bounded."""
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        over.wait(LONG)

    with mail_server() as box, script(serve) as port:
        urls = [f"smtp://127.0.0.1:{port}/ops@example.org", f"smtp://127.0.0.1:{box.port}/ops@example.org"]
        people = people_to(urls, SERVICE, cap=1000)
        for number in range(300):
            seen = occurrence(raised(ValueError()))
            seen.fingerprint = str(number)
            people.take(seen)
        box.wait(1)
        hanging = people._channels[0]
        assert hanging.dropped >= 100
        assert hanging.pending + hanging.dropped == 300
        hanging.leftovers()
        over.set()
        people._channels[1].leftovers()


@given(
    st.text(st.characters(), max_size=400),
    st.text(st.characters(), max_size=100),
    st.text(st.characters(), max_size=20),
)
def test_any_text_survives_as_a_mail(text: str, service: str, fingerprint: str) -> None:
    """Read back, it says the same; nothing in it becomes a header."""
    told = notice(ValueError(text))
    told = told._replace(fingerprint=fingerprint)
    made = letter([told], service, "ops@example.org", ["a@example.org", "b@example.org"])
    found = message_from_bytes(made.as_bytes(), policy=policy.default)
    assert not found.defects
    assert set(found.keys()) <= {*made.keys(), "Content-Type", "Content-Transfer-Encoding", "MIME-Version"}
    assert len(found.keys()) == len(made.keys())
    assert found["To"] == "a@example.org, b@example.org"
    assert " ".join(found["Subject"].split()) == " ".join(told.title.split())
    assert said(found) == told.whole + "\n"


def test_one_mebibyte_from_a_stranger(box: Mailbox) -> None:
    """Is cut long before it is a mail."""
    deliver(f"smtp://127.0.0.1:{box.port}/ops@example.org", notice(ValueError("\r\n" * (1 << 19))))
    content = box.envelopes[0].content
    assert isinstance(content, bytes)
    assert len(content) < 10_000


def test_a_name_beyond_ascii(box: Mailbox) -> None:
    """Where the server knows them, addresses may have it (RFC 6531)."""
    channel = mail.channel_to(f"smtp://127.0.0.1:{box.port}/j%C3%BCrgen@example.org", Service('Zoë\'s "shop"\n'))
    channel._deliver([notice()])
    assert box.envelopes[0].rcpt_tos == ["jürgen@example.org"]
    content = box.envelopes[0].content
    assert isinstance(content, bytes)
    assert 'From: "Zoë\'s \\"shop\\"? (Midwatch)" <jürgen@example.org>\r\n' in content.decode()
