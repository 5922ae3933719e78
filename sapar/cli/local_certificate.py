"""A certificate for trying HTTPS out: an authority of this machine alone, and a server's of it.

Phones give a page its location, and install it, over HTTPS alone. The authority's certificate is
what a phone has to be told to trust (docs/https.md); its key stays in the data directory.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_AUTHORITY_DAYS = 3650
_SERVER_DAYS = 397  # phones refuse certificates that are good for longer
_RENEW_DAYS = 30


def ensure_local_certificate(folder: Path, host: str, now: datetime) -> tuple[Path, Path]:
    """Give (certificate chain, key) for this machine; made when missing, old or for another name.

    Args:
        folder: where they are kept, with `authority.pem`, which phones are to trust.
        host: the address that the API listens on.
        now: wall time, aware.
    """
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "server.pem", folder / "server.key"
    names = sorted({*_names(host)})
    if certificate.exists() and key.exists() and _is_good(certificate, names, now):
        return certificate, key
    authority, authority_key = _authority(folder, now)
    server_key = ec.generate_private_key(ec.SECP256R1())
    alternatives = x509.SubjectAlternativeName([_name(text) for text in names])
    made = (
        _builder("Sapar on this machine", server_key.public_key(), authority.subject, now)
        .not_valid_after(now + timedelta(days=_SERVER_DAYS))
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    _write(key, _private(server_key))
    chain = made.public_bytes(serialization.Encoding.PEM)
    certificate.write_bytes(chain + authority.public_bytes(serialization.Encoding.PEM))
    return certificate, key


def _authority(folder: Path, now: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    path, key_path = folder / "authority.pem", folder / "authority.key"
    if path.exists() and key_path.exists():
        found = x509.load_pem_x509_certificate(path.read_bytes())
        key = serialization.load_pem_private_key(key_path.read_bytes(), None)
        if isinstance(key, ec.EllipticCurvePrivateKey) and found.not_valid_after_utc > now:
            return found, key
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _AUTHORITY_NAME)])
    made = (
        _builder(_AUTHORITY_NAME, key.public_key(), subject, now)
        .not_valid_after(now + timedelta(days=_AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_SIGNS, critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(key_path, _private(key))
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return made, key


_AUTHORITY_NAME = f"Sapar, local to {socket.gethostname()}"[:64]
_SIGNS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _builder(
    name: str, key: ec.EllipticCurvePublicKey, issuer: x509.Name, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, secret: bytes) -> None:
    """Write what nobody else may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(secret)


def _is_good(path: Path, names: list[str], now: datetime) -> bool:
    found = x509.load_pem_x509_certificate(path.read_bytes())
    if found.not_valid_after_utc < now + timedelta(days=_RENEW_DAYS):
        return False
    said = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    held = {str(name.value) for name in said}
    return set(names) <= held


def _names(host: str) -> list[str]:
    """List what this machine is called: phones in the same network come by its address."""
    names = ["localhost", "127.0.0.1", socket.gethostname()]
    if host not in {"", "0.0.0.0", "::"}:  # noqa: S104 -- compared with, not bound to
        names.append(host)
    with suppress(OSError):  # a machine without a resolvable name still has the others
        names += [str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None)]
    return [name.partition("%")[0] for name in names]


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def utc(unix_s: float) -> datetime:
    """Give a wall time as an aware datetime."""
    return datetime.fromtimestamp(unix_s, UTC)
