"""What proves server and clients to each other: a CA of our own, a certificate for this machine's loopback, a bearer token, a kubeconfig.

All of it is made once and kept in one folder, each file readable by its owner alone. A certificate that ends soon, or files that do not
belong together, are made anew; the token stays as long as its file does.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import secrets
import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = timedelta(days=3650)
RENEW_BEFORE = timedelta(days=365)
_TOKEN_BYTES = 32
_MINIMUM_TOKEN = 20


@dataclass(frozen=True, slots=True)
class Credentials:
    """`authority` is the CA's certificate (PEM); `certificate` and `key` are files of the server's; `token` is what clients send."""

    authority: bytes
    certificate: Path
    key: Path
    token: str

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        context.set_alpn_protocols(["http/1.1"])
        return context


def ensure_credentials(folder: Path, *, now: datetime | None = None) -> Credentials:
    """The folder's credentials, made where they are missing, damaged or about to end. Raises OSError where they cannot be written."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    moment = now or datetime.now(UTC)
    authority, certificate, key = folder / "ca.crt", folder / "server.crt", folder / "server.key"
    if not _good(authority, certificate, key, moment):
        _make(authority, certificate, key, moment)
    return Credentials(authority.read_bytes(), certificate, key, _token(folder / "token"))


def write_kubeconfig(path: Path, credentials: Credentials, url: str) -> None:
    """Whole or not at all; readable by its owner alone."""
    name = "storeyard-pocket"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": name, "cluster": {"server": url, "certificate-authority-data": base64.b64encode(credentials.authority).decode()}}
        ],
        "users": [{"name": name, "user": {"token": credentials.token}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    _write(path, yaml.safe_dump(document, sort_keys=False).encode())


def _good(authority: Path, certificate: Path, key: Path, now: datetime) -> bool:
    """Whether the three are there, belong together, and hold for long enough."""
    try:
        root, leaf = (x509.load_pem_x509_certificate(path.read_bytes()) for path in (authority, certificate))
        private = load_pem_private_key(key.read_bytes(), password=None)
        leaf.verify_directly_issued_by(root)
    except (OSError, ValueError, TypeError, InvalidSignature):
        return False
    ends = min(root.not_valid_after_utc, leaf.not_valid_after_utc)
    return private.public_key() == leaf.public_key() and root.not_valid_before_utc <= now < ends - RENEW_BEFORE


def _make(authority: Path, certificate: Path, key: Path, now: datetime) -> None:
    """A new CA, whose key is forgotten at once, and the one certificate it ever signs."""
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    # Each CA has a name of its own: clients that still trust an older one must not take the new one for it.
    root_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"storeyard-pocket-ca-{secrets.token_hex(4)}")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    root = (
        _builder(root_name, root_name, root_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    leaf_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "storeyard-pocket")])
    leaf = (
        _builder(leaf_name, root_name, leaf_key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(leaf_key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    _write(key, leaf_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _write(certificate, leaf.public_bytes(Encoding.PEM))
    _write(authority, root.public_bytes(Encoding.PEM))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key)
    # A day back: clocks of one machine can be set back as well.
    return builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1)).not_valid_after(now + LIFE)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        key_cert_sign=signs, crl_sign=signs, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _token(path: Path) -> str:
    try:
        found = path.read_text("ascii").strip()
    except (OSError, ValueError):
        found = ""
    if len(found) < _MINIMUM_TOKEN:
        found = secrets.token_urlsafe(_TOKEN_BYTES)
        _write(path, found.encode())
    return found


def _write(path: Path, content: bytes) -> None:
    """A file that others never see half-written, nor at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # 0600 from the start
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
