"""A real HTTP server on 127.0.0.1 for the tests of links, in a thread of its own; with certificates when asked."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.serving import Connections, close, settled

Handler = Callable[[str, asyncio.StreamWriter], Awaitable[None]]
"""(path and query, where the answer goes)"""


class LinkServer:
    """Answers by path; remembers each request's head, the most requests at a time, and the bytes of bodies sent.

    /ok 200 · /status/404 · /to?URL redirects there · /slow answers after 0.2 s · /hang never answers · /endless sends a
    body without an end · /drip sends a byte a moment without an end · /cookie sets one · /nonsense is not HTTP ·
    /cut closes in the middle of the body
    """

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.names: list[str] = []  # that TLS clients asked for (SNI)
        self.body_bytes = 0
        self.at_once = self.most_at_once = 0
        self.port = 0
        self.connections = Connections(self._serve)

    def url(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            first = await reader.readexactly(1)
            if first == b"\x16":  # a TLS handshake, where there is no TLS
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            await self._answer(head.split(" ")[1], writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client went away, as it should
        finally:
            self.at_once -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        if path.startswith("/status/"):
            _head(writer, path.removeprefix("/status/") + " Status", "Content-Length: 0")
        elif path.startswith("/to?"):
            _head(writer, "302 Found", f"Location: {path.removeprefix('/to?')}", "Content-Length: 0")
        elif path == "/nonsense":
            writer.write(b"220 mail ready\r\n")
        elif path == "/cookie":
            _head(writer, "200 OK", "Set-Cookie: secret=1; Path=/", "Content-Length: 0")
        elif path == "/cut":
            _head(writer, "200 OK", "Content-Length: 100")
            writer.write(b"half")
        elif path == "/hang":
            await asyncio.Event().wait()
        elif path in {"/endless", "/drip"}:
            _head(writer, "200 OK", "Connection: close")
            while True:
                part = b"x" if path == "/drip" else b"x" * 65536
                writer.write(part)
                self.body_bytes += len(part)
                await writer.drain()
                await asyncio.sleep(0.02 if path == "/drip" else 0)
        else:
            if path == "/slow":
                await asyncio.sleep(0.2)
            _head(writer, "200 OK", "Content-Length: 2")
            writer.write(b"ok")


def _head(writer: asyncio.StreamWriter, status: str, *headers: str) -> None:
    writer.write("\r\n".join((f"HTTP/1.1 {status}", *headers, "", "")).encode("latin-1"))


@contextmanager
def link_server(certificate: Path | None = None) -> Iterator[LinkServer]:
    """A running server; with TLS when there is a certificate (a PEM file with its key)."""
    made = LinkServer()
    loop = asyncio.new_event_loop()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

        def note(_: ssl.SSLObject, name: str | None, __: ssl.SSLContext) -> None:
            made.names.append(name or "")

        context.sni_callback = note
    thread = threading.Thread(target=loop.run_forever, name="link-server")
    thread.start()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(made.connections.accept, "127.0.0.1", 0, ssl=context)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        asyncio.run_coroutine_threadsafe(close(server), loop).result(30)
        asyncio.run_coroutine_threadsafe(made.connections.end(), loop).result(30)
        asyncio.run_coroutine_threadsafe(settled(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


OF_AUTHORITIES = (x509.BasicConstraints, x509.KeyUsage)
USES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def make_certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A server's PEM file (certificate and key) for this name, and its authority's certificate. They have all that
    RFC 5280 asks for, as Python does since 3.13."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tests' authority")])
    now = datetime.now(UTC)

    def sign(subject: x509.Name, public: ec.EllipticCurvePublicKey, *extensions: x509.ExtensionType) -> bytes:
        builder = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=1))
        builder = builder.not_valid_after(now + timedelta(days=1))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, OF_AUTHORITIES))
        return builder.sign(authority_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, server = folder / "authority.pem", folder / f"{name}.pem"
    key_of = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    signs = x509.KeyUsage(**dict.fromkeys(USES, False) | {"key_cert_sign": True})
    authority.write_bytes(sign(issuer, authority_key.public_key(), x509.BasicConstraints(True, None), signs, key_of))
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    signed_with = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_of)
    server.write_bytes(sign(subject, key.public_key(), names, signed_with) + private)
    return server, authority
