"""A proxy with TLS in front of pages: `python -m tests.e2e.tls_proxy PORT BACKEND FILE`."""

import ipaddress
import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import ClientSession, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# Each hop has its own.
OF_ONE_HOP = {"Transfer-Encoding", "Content-Length", "Connection", "Date"}


def certificate(file: Path) -> ssl.SSLContext:
    """Return a context with a certificate for this machine, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    here, now = x509.IPAddress(ipaddress.ip_address("127.0.0.1")), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def proxy(backend: str) -> web.Application:
    """Return what passes everything on, paths and Host as they are, and says who asked."""

    async def forward(request: web.Request) -> web.Response:
        headers = {name: v for name, v in request.headers.items() if name not in OF_ONE_HOP}
        headers |= {"X-Forwarded-For": request.remote or "", "X-Forwarded-Proto": "https"}
        async with (
            ClientSession(auto_decompress=False) as session,
            session.request(
                request.method,
                backend + request.raw_path,
                headers=headers,
                data=await request.read(),
                allow_redirects=False,
            ) as reply,
        ):
            answer = web.Response(status=reply.status, body=await reply.read())
            for name, value in reply.headers.items():
                if name not in OF_ONE_HOP:
                    answer.headers.add(name, value)
            return answer

    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", forward)
    return app


if __name__ == "__main__":
    port, backend, file = sys.argv[1:]
    context = certificate(Path(file))
    web.run_app(proxy(backend), host="127.0.0.1", port=int(port), ssl_context=context, print=None)
