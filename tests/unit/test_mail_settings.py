"""Where mail goes and where the portal is: what may be set, what is refused, and that no message shows a password."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from app.adapters.mail import LogMailer, SmtpMailer
from app.bootstrap import build_services
from app.config import ConfigError, MailServer, Settings

ENVIRONMENT = {
    "STOREYARD_DATABASE_URL": "postgresql://localhost/none",
    "STOREYARD_QUEUE_URL": "redis://localhost:1",
    "STOREYARD_VAULT_KEYS": Fernet.generate_key().decode(),
}


def settings(**values: str) -> Settings:
    return Settings.from_env({**ENVIRONMENT, **{f"STOREYARD_{name}": value for name, value in values.items()}})


def test_unset_the_portal_is_on_this_machine_open_to_sign_ups_and_mail_is_logged() -> None:
    read = settings()
    assert (read.portal.public_url, read.portal.sign_ups, read.mail) == ("http://localhost:8000", True, None)
    services = build_services(read)
    assert isinstance(services.mailer, LogMailer)
    assert services.portal == read.portal


def test_links_are_made_of_the_portals_address() -> None:
    read = settings(PUBLIC_URL="https://portal.example.com/", SIGN_UPS="off")
    assert read.portal.link("reset/x") == "https://portal.example.com/reset/x"
    assert not read.portal.sign_ups


@pytest.mark.parametrize(
    ("address", "server"),
    [
        (
            "smtp://mia:p%40ss@mail.example.com:2525?from=Shop@Example.com",
            MailServer("mail.example.com", 2525, "mia", "p@ss", "shop@example.com", "starttls"),
        ),
        ("smtp://mail.example.com?from=a@b.example", MailServer("mail.example.com", 587, None, None, "a@b.example", "starttls")),
        ("smtps://mail.example.com?from=a@b.example", MailServer("mail.example.com", 465, None, None, "a@b.example", "implicit")),
        ("smtp://localhost:25?from=a@b.example&tls=off", MailServer("localhost", 25, None, None, "a@b.example", "off")),
    ],
)
def test_a_mail_server_is_read(address: str, server: MailServer) -> None:
    read = settings(SMTP_URL=address)
    assert read.mail == server
    assert isinstance(build_services(read).mailer, SmtpMailer)
    assert "p@ss" not in repr(read) + repr(read.mail)


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("mail.example.com", "must be an address such as"),
        ("http://mail.example.com?from=a@b.example", "must be an address such as"),
        ("smtp://mia:hunter2@mail.example.com", "must name the sender"),
        ("smtp://mia:hunter2@mail.example.com?from=mia", "must name the sender"),
        ("smtp://mia:hunter2@mail.example.com:99999?from=a@b.example", "host or port"),
        ("smtp://mia:hunter2@[mail?from=a@b.example", "host or port"),
        ("smtp://mia@mail.example.com?from=a@b.example", "a user and a password, or neither"),
        ("smtp://mia:hunter2@mail.example.com?from=a@b.example&tls=off", "must not send a password without TLS"),
        ("smtp://mail.example.com?from=a@b.example&tls=perhaps", "tls=on or tls=off"),
        ("smtp://mail.example.com?form=a@b.example", "knows the options"),
    ],
)
def test_a_bad_mail_server_is_refused_with_the_rule_and_without_its_password(address: str, rule: str) -> None:
    with pytest.raises(ConfigError) as refused:
        settings(SMTP_URL=address)
    (problem,) = refused.value.problems
    assert problem.startswith("STOREYARD_SMTP_URL: ")
    assert rule in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize("address", ["portal.example.com", "ftp://portal", "https://", "https://mia@portal", "https://portal/?x=1"])
def test_a_bad_address_of_the_portal_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="STOREYARD_PUBLIC_URL: must be an address"):
        settings(PUBLIC_URL=address)
