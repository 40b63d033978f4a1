"""Mail: through an SMTP server, or into the log where none is set.

SMTP is spoken in one thread of the process, so that nobody waits for it. What waits there is lost with the process, and what a server
does not take is tried three times: no mail of ours is a fact, whoever misses one asks again.
"""

from __future__ import annotations

import smtplib
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from threading import BoundedSemaphore

import structlog

from app.ports import Mail

TIME_OUT = 10.0
WAITING = 100
PAUSES = (0.0, 2.0, 15.0)  # seconds before each attempt

log = structlog.get_logger(__name__)


class LogMailer:
    """Writes each mail to the log, links and all: for a machine whose log its operator alone reads."""

    def send(self, mail: Mail) -> None:
        log.warning("mail is written here: no SMTP server is set", to=mail.to, subject=mail.subject, text=mail.text)


class SmtpMailer:
    """`tls`: "starttls" (nothing is sent without it), "implicit" or "off". The server's certificate must be valid for its name.

    The thread starts with the first mail, and so in each process of a web server that forks.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        sender: str,
        login: tuple[str, str] | None = None,
        tls: str = "starttls",
        context: ssl.SSLContext | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._host, self._port, self._sender, self._login, self._tls = host, port, sender, login, tls
        self._context, self._sleep = context, sleep
        self._thread = ThreadPoolExecutor(1, "mail")
        self._places = BoundedSemaphore(WAITING)

    def send(self, mail: Mail) -> None:
        if not self._places.acquire(blocking=False):
            log.error("mail dropped: too many wait", subject=mail.subject, waiting=WAITING)
            return
        try:
            self._thread.submit(self._deliver, mail)
        except RuntimeError:  # the process ends
            self._places.release()
            log.error("mail dropped: the process ends", subject=mail.subject)  # noqa: TRY400

    def close(self) -> None:
        """Wait until all are sent, or given up."""
        self._thread.shutdown()

    def _deliver(self, mail: Mail) -> None:
        try:
            message = self._message(mail)
            for attempt, pause in enumerate(PAUSES, start=1):
                self._sleep(pause)
                if self._sent(message, last=attempt == len(PAUSES)):
                    return
        finally:
            self._places.release()

    def _sent(self, message: EmailMessage, *, last: bool) -> bool:
        """Whether nothing is left to do: it was taken, or will never be."""
        try:
            self._speak(message)
        except OSError as error:  # smtplib's are among them
            if not last and _passing(error):
                return False
            self._lost(message, error)
        else:
            log.info("mail sent", subject=message["Subject"], server=self._host)
        return True

    def _lost(self, message: EmailMessage, error: Exception) -> None:
        log.error("mail lost", subject=message["Subject"], server=self._host, error=f"{type(error).__name__}: {error}")

    def _speak(self, message: EmailMessage) -> None:
        if self._tls == "implicit":
            server = smtplib.SMTP_SSL(self._host, self._port, timeout=TIME_OUT, context=self._trust())
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIME_OUT)
        with server:
            if self._tls == "starttls":
                server.starttls(context=self._trust())
            if self._login is not None:
                server.login(*self._login)
            server.send_message(message)

    def _trust(self) -> ssl.SSLContext:
        return self._context or ssl.create_default_context()

    def _message(self, mail: Mail) -> EmailMessage:
        """A line break in an address or a subject is a ValueError of the library's: nobody writes headers of their own."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, mail.to, mail.subject
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=self._sender.rpartition("@")[2])
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        return message


def _passing(error: OSError) -> bool:
    """Whether it may go next time. Not where the server said "no" (5xx; grey-listing says 4xx), or cannot do what we need."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(400 <= code < 500 for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPResponseException):
        return 400 <= error.smtp_code < 500
    return not isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLCertVerificationError)
