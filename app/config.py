"""Settings, from environment variables that begin with STOREYARD_. Every bad one is reported at once, at start, with its rule."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from cryptography.fernet import Fernet

from app.domain.errors import InvalidIntent
from app.domain.people import Portal, check_email
from app.domain.platform import PLATFORM_QUOTA, TENANT_QUOTA, Peer, PlatformPolicy, PlatformProfile
from app.domain.quotas import RESOURCES, Amount

PREFIX = "STOREYARD_"
TOKEN_LENGTH = 16
# Where no server says how many threads it has; gunicorn.conf.py says it.
WEB_THREADS = 48
T = TypeVar("T")

_HOST = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


class ConfigError(Exception):
    """All that is wrong with the environment. `problems` are lines such as `STOREYARD_TLS: must be one of off, issuer, wildcard`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class MailServer:
    """An SMTP server. `tls`: "starttls" (asked for, and nothing sent without it), "implicit" (from the first byte), or "off"."""

    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    sender: str
    tls: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What this installation is. `secret` values are kept out of the repr by the fields that hold them."""

    database_url: str
    queue_url: str
    vault_keys: tuple[str, ...]
    kubeconfig: str | None
    kube_context: str | None
    profile: PlatformProfile
    policy: PlatformPolicy
    log_format: str = "json"
    log_level: str = "info"
    metrics_port: int = 0
    metrics_host: str = "127.0.0.1"
    metrics_token: str | None = None
    portal: Portal = field(default_factory=Portal)
    trusted_proxies: int = 0
    mail: MailServer | None = None
    web_threads: int = WEB_THREADS

    def __repr__(self) -> str:
        return f"Settings(kubeconfig={self.kubeconfig!r}, profile={self.profile!r}, policy={self.policy!r})"

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the environment. Raises ConfigError with every problem."""
        reader = _Reader(os.environ if environment is None else environment)
        settings = cls(
            database_url=reader.read("DATABASE_URL", _database_url, required="postgresql://user:password@host:5432/storeyard"),
            queue_url=reader.read("QUEUE_URL", _queue_url, required="redis://host:6379/0"),
            vault_keys=reader.read("VAULT_KEYS", _vault_keys, required="the output of `storeyard vault new-key`"),
            kubeconfig=reader.read("KUBECONFIG", _existing_file, default=None),
            kube_context=reader.read("KUBE_CONTEXT", str, default=None),
            profile=_profile(reader),
            policy=_policy(reader),
            log_format=reader.read("LOG_FORMAT", _one_of("json", "console"), default="json"),
            log_level=reader.read("LOG_LEVEL", _one_of("debug", "info", "warning", "error"), default="info"),
            metrics_port=reader.read("METRICS_PORT", _number(0, 65535), default=0),
            metrics_host=reader.read("METRICS_HOST", _text, default="127.0.0.1"),
            metrics_token=reader.read("METRICS_TOKEN", _token, default=None),
            portal=Portal(
                public_url=reader.read("PUBLIC_URL", _web_address, default=Portal().public_url),
                sign_ups=reader.read("SIGN_UPS", _one_of("on", "off"), default="on") == "on",
            ),
            trusted_proxies=reader.read("TRUSTED_PROXIES", _number(0, 10), default=0),
            mail=reader.read("SMTP_URL", _mail_server, default=None),
            web_threads=reader.read("WEB_THREADS", _number(2, 100_000), default=WEB_THREADS),
        )
        reader.finish()
        return settings


def _profile(reader: _Reader) -> PlatformProfile:
    default = PlatformProfile()
    profile = PlatformProfile(
        store_domain=reader.read("STORE_DOMAIN", _domain, default=default.store_domain),
        public_port=reader.read("PUBLIC_PORT", _number(1, 65535), default=None),
        ingress_class=reader.read("INGRESS_CLASS", _text, default=default.ingress_class),
        ingress_annotations=reader.read("INGRESS_ANNOTATIONS", _pairs, default={}),
        storage_class=reader.read("STORAGE_CLASS", _text, default=None),
        tls=reader.read("TLS", _one_of("off", "issuer", "wildcard"), default="off"),  # type: ignore[arg-type]
        tls_issuer=reader.read("TLS_ISSUER", _text, default=None),
        registry=reader.read("IMAGE_REGISTRY", _text, default=""),
        images=reader.read("IMAGES", _pairs, default={}),
        image_pull_secrets=reader.read("IMAGE_PULL_SECRETS", _words, default=()),
        uids=reader.read("UIDS", _numbers_by_name, default={}),
        ingress_peers=reader.read("INGRESS_PEERS", _peers, default=default.ingress_peers),
        dns_peers=reader.read("DNS_PEERS", _peers, default=default.dns_peers),
    )
    if profile.tls == "issuer" and not profile.tls_issuer:
        reader.problem("TLS_ISSUER", "must name a cert-manager ClusterIssuer where STOREYARD_TLS is issuer")
    return profile


def _policy(reader: _Reader) -> PlatformPolicy:
    default = PlatformPolicy()
    values: dict[str, Any] = {
        "tenant_quota": reader.read("TENANT_QUOTA", _amount(TENANT_QUOTA), default=TENANT_QUOTA),
        "platform_quota": reader.read("PLATFORM_QUOTA", _amount(PLATFORM_QUOTA), default=PLATFORM_QUOTA),
    }
    for known in fields(PlatformPolicy):
        if known.name not in values:
            values[known.name] = reader.read(known.name.upper(), _number(1, 100_000), default=getattr(default, known.name))
    return PlatformPolicy(**values)


class _Reader:
    """Reads variables one by one and collects what is wrong instead of stopping at the first."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._known: set[str] = set()
        self._problems: list[str] = []

    def read(self, name: str, parse: Callable[[str], T], *, default: Any = None, required: str | None = None) -> T:
        """The parsed value or the default. `required` is an example of a value, for those who left it out."""
        variable = PREFIX + name
        self._known.add(variable)
        text = self._environment.get(variable, "").strip()
        if not text:
            if required is not None:
                self.problem(name, f"is required, such as {required}")
            return default
        try:
            return parse(text)
        except ValueError as error:
            self.problem(name, str(error))
            return default

    def problem(self, name: str, rule: str) -> None:
        self._problems.append(f"{PREFIX}{name}: {rule}")

    def finish(self) -> None:
        """Raise what was collected, and names that nobody reads but that look like one somebody does."""
        for variable in sorted(set(self._environment) - self._known):
            if variable.startswith(PREFIX):
                close = difflib.get_close_matches(variable, self._known, n=1, cutoff=0.88)
                if close:
                    self._problems.append(f"{variable}: is not a setting; did you mean {close[0]}?")
        if self._problems:
            raise ConfigError(self._problems)


def _text(value: str) -> str:
    if any(character.isspace() for character in value):
        raise ValueError("must not contain white space")
    return value


def _token(value: str) -> str:
    if len(value) < TOKEN_LENGTH or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(f"must have at least {TOKEN_LENGTH} characters, printable ASCII and no space")
    return value


def _database_url(value: str) -> str:
    if not re.match(r"postgres(ql)?(\+psycopg)?://", value):
        raise ValueError("must be a PostgreSQL address that begins with postgresql://")
    return value


def _queue_url(value: str) -> str:
    if not re.match(r"(redis|rediss|unix)://", value):
        raise ValueError("must begin with redis://, rediss:// or unix://")
    return value


def _web_address(value: str) -> str:
    parts = _split(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("must be an address such as https://portal.example.com")
    return value.rstrip("/")


def _mail_server(value: str) -> MailServer:
    """smtp://user:password@host:587?from=shop@example.com; smtps:// for TLS from the first byte; tls=off for a server on this machine."""
    parts = _split(value)
    options = {name: texts[-1] for name, texts in parse_qs(parts.query).items()}
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/") or parts.fragment:
        raise ValueError("must be an address such as smtp://user:password@host:587?from=shop@example.com")
    if unknown := set(options) - {"from", "tls"}:
        raise ValueError(f"knows the options from and tls, not {', '.join(sorted(unknown))}")
    if options.get("tls", "on") not in ("on", "off"):
        raise ValueError("has tls=on or tls=off")
    tls = "off" if options.get("tls") == "off" else "starttls" if parts.scheme == "smtp" else "implicit"
    if (parts.username is None) != (parts.password is None):
        raise ValueError("needs a user and a password, or neither")
    if parts.username is not None and tls == "off":
        raise ValueError("must not send a password without TLS")
    try:
        sender = check_email(options.get("from", ""))
    except InvalidIntent:
        raise ValueError("must name the sender, such as ?from=shop@example.com") from None
    return MailServer(
        host=parts.hostname,
        port=parts.port or (465 if parts.scheme == "smtps" else 587),
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        sender=sender,
        tls=tls,
    )


def _split(value: str) -> SplitResult:
    """The parts of an address. Not chained: an error's text would hold the address, and with it a password."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError("is not an address: host or port cannot be read") from None
    return parts


def _vault_keys(value: str) -> tuple[str, ...]:
    keys = tuple(key for key in re.split(r"[,\s]+", value) if key)
    for place, key in enumerate(keys, start=1):
        try:
            Fernet(key)
        except ValueError:
            raise ValueError(
                f"key {place} is not a Fernet key (32 bytes, URL-safe base64); make one by `storeyard vault new-key`"
            ) from None
    return keys


def _existing_file(value: str) -> str:
    if not os.path.isfile(value):
        raise ValueError(f"no file is at {value}")
    return value


def _domain(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError("must be a domain in lower case, such as shops.example.com")
    return value


def _one_of(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return value

    return parse


def _number(least: int, most: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not value.isdigit() or not least <= int(value) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(value)

    return parse


def _words(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _pairs(value: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in _words(value):
        name, separator, text = word.partition("=")
        if not separator or not name or not text:
            raise ValueError(f"must be pairs such as name=value,name=value; {word!r} is none")
        pairs[name.strip()] = text.strip()
    return pairs


def _numbers_by_name(value: str) -> dict[str, int]:
    pairs = _pairs(value)
    for name, text in pairs.items():
        if not text.isdigit():
            raise ValueError(f"must be pairs such as database=999; {name}={text} is none")
    return {name: int(text) for name, text in pairs.items()}


def _amount(default: Amount) -> Callable[[str], Amount]:
    def parse(value: str) -> Amount:
        given = _numbers_by_name(value)
        if unknown := set(given) - set(RESOURCES):
            raise ValueError(f"knows {', '.join(RESOURCES)}, not {', '.join(sorted(unknown))}")
        return replace(default, **given)

    return parse


def _peers(value: str) -> tuple[Peer, ...]:
    """Peers separated by `;`, terms by `,`: namespace=NAME, namespace-label:KEY=VALUE, pod-label:KEY=VALUE, cidr=BLOCK."""
    return tuple(_peer(part.strip()) for part in value.split(";") if part.strip())


def _peer(text: str) -> Peer:
    namespaces: dict[str, str] = {}
    pods: dict[str, str] = {}
    cidr: str | None = None
    for term in _words(text):
        name, _, wanted = term.partition("=")
        if name == "namespace" and wanted:
            namespaces["kubernetes.io/metadata.name"] = wanted
        elif name.startswith("namespace-label:") and wanted:
            namespaces[name.removeprefix("namespace-label:")] = wanted
        elif name.startswith("pod-label:") and wanted:
            pods[name.removeprefix("pod-label:")] = wanted
        elif name == "cidr" and wanted:
            cidr = wanted
        else:
            raise ValueError(f"{term!r} is not one of namespace=NAME, namespace-label:KEY=VALUE, pod-label:KEY=VALUE, cidr=BLOCK")
    if cidr and (namespaces or pods):
        raise ValueError(f"{text!r} has both a cidr and labels; a peer is one or the other")
    return Peer(namespaces, pods, cidr)
