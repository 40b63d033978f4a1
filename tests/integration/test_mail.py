"""Mail over a real socket: encrypted before anything is said, tried again, and never waited for; or readable in the log."""

from __future__ import annotations

import base64
import io
import logging
import socket
import ssl
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from ipaddress import ip_address
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import structlog
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.adapters.mail import WAITING, LogMailer, SmtpMailer
from app.bootstrap import configure_logging
from app.config import Settings
from app.ports import Mail
from app.services.masking import hide

LINK = "https://portal.example.com/reset/a-token-of-43-characters"
MAIL = Mail("mia@example.com", "A new password", f"Hällo,\n\n{LINK}\n")


class Server(Thread):
    """Speaks as much SMTP as the tests need. `answers` are given to RCPT, one per connection; then 250."""

    def __init__(self, context: ssl.SSLContext | None, *, offers_tls: bool = True, answers: tuple[str, ...] = ()) -> None:
        super().__init__(daemon=True)
        self.context, self.offers_tls, self.answers = context, offers_tls, list(answers)
        self.heard: list[str] = []
        self.messages: list[bytes] = []
        self.encrypted: list[bool] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            try:
                self._talk(connection)
            except (OSError, ValueError):
                pass
            finally:
                connection.close()

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.join(5)

    def _talk(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        rcpt = self.answers.pop(0) if self.answers else "250 ok"
        connection.sendall(b"220 test\r\n")
        lines, tls = connection.makefile("rb"), False
        while line := lines.readline().decode().strip():
            self.heard.append(line)
            match line.split()[0].upper():
                case "EHLO":
                    more = ["STARTTLS"] if self.offers_tls and not tls else ["AUTH PLAIN"] if tls else ["8BITMIME"]
                    answer = "250-test\r\n" + "".join(f"250-{word}\r\n" for word in more) + "250 SIZE 1000000"
                case "STARTTLS":
                    assert self.context
                    connection.sendall(b"220 go\r\n")
                    lines.close()
                    connection = self.context.wrap_socket(connection, server_side=True)
                    lines, tls = connection.makefile("rb"), True
                    continue
                case "AUTH":
                    answer = "235 ok"
                case "RCPT":
                    answer = rcpt
                case "DATA":
                    connection.sendall(b"354 go\r\n")
                    text: list[bytes] = []
                    while (part := lines.readline()) != b".\r\n":
                        text.append(part)
                    self.messages.append(b"".join(text))
                    self.encrypted.append(tls)
                    answer = "250 ok"
                case "QUIT":
                    connection.sendall(b"221 bye\r\n")
                    break
                case _:
                    answer = "250 ok"
            connection.sendall(f"{answer}\r\n".encode())
        lines.close()
        connection.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("mail") / "mail.pem"
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def start(certificate: Path) -> Iterator[Any]:
    servers: list[Server] = []

    def make(**options: Any) -> Server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = Server(context, **options)
        server.start()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """The program's own log, as `make up` writes it."""
    text = io.StringIO()
    config, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    monkeypatch.setattr(sys, "stderr", text)
    environment = {
        "STOREYARD_DATABASE_URL": "postgresql://localhost/none",
        "STOREYARD_QUEUE_URL": "redis://localhost:1",
        "STOREYARD_VAULT_KEYS": Fernet.generate_key().decode(),
        "STOREYARD_LOG_LEVEL": "warning",
    }
    configure_logging(Settings.from_env(environment))
    monkeypatch.setattr("app.adapters.mail.log", structlog.get_logger("app.adapters.mail"))
    yield text
    structlog.configure(**config)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in ("app", "jobs", "__main__"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def send(server: Server, certificate: Path, pauses: list[float], *, trusted: bool = True, **options: Any) -> None:
    context = ssl.create_default_context(cafile=str(certificate)) if trusted else None
    mailer = SmtpMailer("127.0.0.1", server.port, sender="shop@example.com", context=context, sleep=pauses.append, **options)
    mailer.send(MAIL)
    mailer.close()


def test_a_mail_arrives_encrypted_with_link_and_letters_as_they_are(start: Any, certificate: Path, pauses: list[float]) -> None:
    server = start()
    send(server, certificate, pauses, login=("mia", "p@ss"))
    message = message_from_bytes(server.messages[0], policy=policy.default)
    assert (message["From"], message["To"], message["Subject"]) == ("shop@example.com", "mia@example.com", "A new password")
    assert message.get_body().get_content().replace("\r\n", "\n") == MAIL.text  # type: ignore[union-attr]
    assert message["Auto-Submitted"] == "auto-generated"
    assert server.encrypted == [True]
    (auth,) = [line for line in server.heard if line.startswith("AUTH")]
    assert base64.b64decode(auth.split()[-1]) == b"\0mia\0p@ss"


@pytest.mark.parametrize(("options", "trusted"), [({"offers_tls": False}, True), ({}, False)])
def test_without_a_trusted_tls_nothing_is_said(
    start: Any, certificate: Path, pauses: list[float], options: dict[str, bool], trusted: bool, logged: io.StringIO
) -> None:
    server = start(**options)
    send(server, certificate, pauses, trusted=trusted, login=("mia", "p@ss"))
    assert server.messages == []
    assert not any(line.startswith(("AUTH", "MAIL", "RCPT")) for line in server.heard)
    assert "mail lost" in logged.getvalue()
    assert LINK not in logged.getvalue()
    assert "p@ss" not in logged.getvalue()


def test_a_server_that_says_later_is_asked_again(start: Any, certificate: Path, pauses: list[float]) -> None:
    server = start(answers=("451 grey-listed", "451 grey-listed"))
    send(server, certificate, pauses)
    assert len(server.messages) == 1
    assert pauses == [0.0, 2.0, 15.0]


def test_a_server_that_says_no_is_not_asked_again(start: Any, certificate: Path, pauses: list[float], logged: io.StringIO) -> None:
    server = start(answers=("550 no such person",))
    send(server, certificate, pauses)
    assert server.messages == []
    assert pauses == [0.0]
    assert "no such person" in logged.getvalue()
    assert LINK not in logged.getvalue()


def test_a_server_that_is_not_there_is_given_up_after_three_attempts(pauses: list[float], logged: io.StringIO) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    mailer = SmtpMailer("127.0.0.1", port, sender="shop@example.com", sleep=pauses.append)
    mailer.send(MAIL)
    mailer.close()
    assert pauses == [0.0, 2.0, 15.0]
    assert "mail lost" in logged.getvalue()


def test_nobody_waits_for_a_slow_server_and_the_waiting_are_bounded(start: Any, logged: io.StringIO) -> None:
    server, go = start(), Event()

    def hold(_: float) -> None:
        go.wait(30)

    mailer = SmtpMailer("127.0.0.1", server.port, sender="shop@example.com", tls="off", sleep=hold)
    for _ in range(WAITING + 2):
        mailer.send(MAIL)
    assert logged.getvalue().count("mail dropped: too many wait") == 2
    go.set()
    mailer.close()
    assert len(server.messages) == WAITING
    mailer.send(MAIL)
    assert "mail dropped: the process ends" in logged.getvalue()


def test_a_header_cannot_be_written_by_an_address(start: Any, certificate: Path) -> None:
    mailer = SmtpMailer("127.0.0.1", 1, sender="shop@example.com")
    with pytest.raises(ValueError, match="linefeed"):
        mailer._message(Mail("mia@example.com\r\nBcc: eve@example.com", "A", "B"))


def test_without_a_server_the_link_can_be_read_in_the_log(logged: io.StringIO) -> None:
    hide(["a store's secret"])
    LogMailer().send(MAIL)
    hide([])
    assert LINK in logged.getvalue()
    assert "no SMTP server is set" in logged.getvalue()
    assert LINK not in repr(MAIL)
