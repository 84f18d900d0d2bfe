"""Servers on the loopback that behave as they are told, once for each connection."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import socket
import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Script: TypeAlias = Callable[[socket.socket], object]


@contextlib.contextmanager
def serving(script: Script, context: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[int]:
    """The port of a server that runs *script* over each connection, and waits for the client's end after it."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            connection: socket.socket = self.request
            connection.settimeout(20)
            with contextlib.suppress(OSError):
                if context is not None:
                    connection = context.wrap_socket(connection, server_side=True)
                with connection:
                    script(connection)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    with Server((host, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def silent(connection: socket.socket) -> None:
    """Says nothing until the client goes."""
    while connection.recv(4096):
        pass


def resets(connection: socket.socket) -> None:
    """Breaks the connection as soon as something comes."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def says(*answers: bytes) -> Script:
    """Sends one answer for each piece that comes; then says nothing more."""

    def script(connection: socket.socket) -> None:
        for answer in answers:
            connection.recv(4096)
            connection.sendall(answer)
        silent(connection)

    return script


def floods(piece: bytes) -> Script:
    """Sends *piece* for ever, until the client goes."""

    def script(connection: socket.socket) -> None:
        connection.recv(4096)
        while True:
            connection.sendall(piece)

    return script


def trickles(piece: bytes, stopped: threading.Event) -> Script:
    """Sends *piece* again and again, so that no single call of the client takes long."""

    def script(connection: socket.socket) -> None:
        connection.recv(4096)
        while not stopped.wait(0.02):
            connection.sendall(piece)

    return script


def passes_slowly(port: int, stopped: threading.Event) -> Script:
    """Passes on what the server behind *port* says, byte by byte."""

    def script(connection: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port), 20) as behind:
            asks = threading.Thread(target=_passed, args=(connection, behind), daemon=True)
            asks.start()
            while not stopped.wait(0.02) and (piece := behind.recv(1)):
                connection.sendall(piece)

    return script


def _passed(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(4096):
            target.sendall(piece)


@dataclass
class Authority:
    """Signs certificates for servers of the loopback."""

    folder: Path

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ours")])
        builder = _builder(self._name, self._name, self._key.public_key(), -1, 3650)
        usage = x509.KeyUsage(
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
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(usage, critical=True)
        self._own = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        builder = builder.add_extension(self._own, critical=False)
        self.ca = self.folder / "ca.pem"
        self.ca.write_bytes(builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def context(self, days: float, name: str = "localhost", since: float = -30) -> ssl.SSLContext:
        """A server's, whose certificate is valid for so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(x509.Name([]), self._name, key.public_key(), since, days)
        names: list[x509.GeneralName] = [x509.DNSName(name)]
        if name == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._own)
        builder = builder.add_extension(issuer, critical=False)
        path = self.folder / f"{name}.{days}.pem"
        path.write_bytes(
            builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, since: float, until: float
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + dt.timedelta(since))
        .not_valid_after(now + dt.timedelta(until))
    )
