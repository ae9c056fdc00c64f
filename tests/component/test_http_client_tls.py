"""TLS to backends (U4): verified always, never plain instead."""

import asyncio
import datetime
import ipaddress
import ssl
import time
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from tests.support.http_client import exchange, make_pool, start
from tests.support.wire_backend import WireBackend, expect, finish, forever, reply, send, until_closed

from llmgateway.domain.errors import GatewayError

OK = reply(b"hi")


@pytest.fixture(scope="module")
def ca():
    return trustme.CA()


@pytest.fixture
def ca_file(ca, tmp_path):
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return str(path)


def serving(cert: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    cert.configure_cert(context)
    return context


def self_signed(path: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    cert = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False).sign(key, SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + cert.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def refused(backend, **settings) -> GatewayError:
    """Dial, and see it fail with nothing of a request sent."""
    pool = make_pool(f"https://127.0.0.1:{backend.port}", **settings)
    with pytest.raises(GatewayError) as failed:
        await pool.dial()
    assert pool.open == 0
    assert all(b"HTTP" not in wire.received for wire in backend.connections)
    return failed.value


async def test_a_trusted_backend_is_spoken_to_over_and_over(ca, ca_file):
    async with WireBackend([forever(expect(), send(OK))], tls=serving(ca.issue_cert("127.0.0.1"))) as backend:
        pool = make_pool(backend.url, ca_file=ca_file)
        for _ in range(3):
            got = await exchange(pool, body=b"x" * 100_000)
            assert (got.body, got.is_delimited) == (b"hi", True)
        assert len(backend.connections) == 1
        pool.close()


async def test_an_expired_certificate_is_refused(ca, ca_file):
    yesterday = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    cert = ca.issue_cert("127.0.0.1", not_before=yesterday - datetime.timedelta(days=1), not_after=yesterday)
    async with WireBackend([until_closed()], tls=serving(cert)) as backend:
        error = await refused(backend, ca_file=ca_file)
        assert error.code == "upstream_tls"
        assert "expired" in error.message


@pytest.mark.parametrize("name", ["other.test", "127.0.0.2"])
async def test_a_certificate_for_another_name_is_refused(ca, ca_file, name):
    async with WireBackend([until_closed()], tls=serving(ca.issue_cert(name))) as backend:
        assert (await refused(backend, ca_file=ca_file)).code == "upstream_tls"


async def test_a_self_signed_certificate_is_refused(ca_file, tmp_path):
    async with WireBackend([until_closed()], tls=self_signed(tmp_path / "self.pem")) as backend:
        assert (await refused(backend)).code == "upstream_tls"
        error = await refused(backend, ca_file=ca_file)
        assert "self-signed" in error.message


async def test_a_private_authority_is_not_believed_unless_configured(ca):
    async with WireBackend([until_closed()], tls=serving(ca.issue_cert("127.0.0.1"))) as backend:
        assert (await refused(backend)).code == "upstream_tls"


async def test_a_backend_signed_by_another_authority_is_refused(ca_file):
    other = trustme.CA().issue_cert("127.0.0.1")
    async with WireBackend([until_closed()], tls=serving(other)) as backend:
        assert (await refused(backend, ca_file=ca_file)).code == "upstream_tls"


async def test_a_ca_file_that_is_missing_is_a_tls_fault(tmp_path):
    async with WireBackend([until_closed()]) as backend:
        assert (await refused(backend, ca_file=str(tmp_path / "none"))).code == "upstream_tls"
        assert not backend.connections


@pytest.mark.parametrize("steps", [[finish()], [send(OK), until_closed()]], ids=["hangs up", "speaks plain HTTP"])
async def test_a_backend_without_tls_is_refused_not_spoken_to_in_plain(ca_file, steps):
    async with WireBackend(steps) as backend:
        assert (await refused(backend, ca_file=ca_file)).code == "upstream_tls"


async def test_old_tls_is_refused(ca, ca_file):
    context = serving(ca.issue_cert("127.0.0.1"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA")  # no forward secrecy: not among the client's defaults
    async with WireBackend([until_closed()], tls=context) as backend:
        assert (await refused(backend, ca_file=ca_file)).code == "upstream_tls"


async def test_a_handshake_that_stalls_ends_at_the_connect_deadline_and_closes_the_socket(ca_file):
    async with WireBackend([until_closed()]) as backend:
        error = await refused(backend, ca_file=ca_file, connect_timeout_s=0.2)
        assert error.code == "upstream_timeout"
        await backend.until(lambda: backend.connections[0].left_at is not None)


async def test_a_cancelled_dial_closes_the_socket_in_the_handshake(ca_file):
    async with WireBackend([until_closed()]) as backend:
        dial = asyncio.create_task(make_pool(f"https://127.0.0.1:{backend.port}", ca_file=ca_file).dial())
        await backend.until(lambda: bool(backend.connections and backend.connections[0].received))
        dial.cancel()
        await asyncio.wait([dial])
        assert dial.cancelled()
        await backend.until(lambda: backend.connections[0].left_at is not None)


async def test_a_cancelled_exchange_over_tls_is_seen_at_once(ca, ca_file):
    async with WireBackend([expect(), until_closed()], tls=serving(ca.issue_cert("127.0.0.1"))) as backend:
        pool = make_pool(backend.url, ca_file=ca_file)
        connection = await pool.dial()
        start(pool, connection)
        await backend.until(lambda: bool(backend.requests))
        cancelled = time.monotonic()
        connection.cancel()
        await backend.until(lambda: backend.connections[0].left_at is not None)
        assert backend.connections[0].left_at - cancelled < 0.2


@pytest.mark.parametrize(
    ("wire", "code", "is_delimited"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", "upstream_truncated", None),
        (b"HTTP/1.1 200 OK\r\n\r\nhi", None, False),
        (b"", "upstream_error", None),
    ],
    ids=["cut", "until the end", "nothing"],
)
async def test_the_end_of_a_tls_connection_is_judged_like_any_other(ca, ca_file, wire, code, is_delimited):
    async with WireBackend([expect(), send(wire), finish()], tls=serving(ca.issue_cert("127.0.0.1"))) as backend:
        pool = make_pool(backend.url, ca_file=ca_file)
        got = await exchange(pool)
        assert (got.code, got.is_delimited, pool.open) == (code, is_delimited, 0)


async def test_a_tls_connection_closed_while_idle_leaves_the_pool(ca, ca_file):
    async with WireBackend([expect(), send(OK), finish()], tls=serving(ca.issue_cert("127.0.0.1"))) as backend:
        pool = make_pool(backend.url, ca_file=ca_file)
        await exchange(pool)
        await backend.until(lambda: backend.connections[0].lost_at is not None)
        assert pool.open == 0


async def test_a_name_is_verified_not_only_its_address(ca, ca_file):
    context = serving(ca.issue_cert("localhost"))
    async with WireBackend([forever(expect(), send(OK))], tls=context) as backend:
        assert (await refused(backend, ca_file=ca_file)).code == "upstream_tls"
        pool = make_pool(f"https://localhost:{backend.port}", ca_file=ca_file)
        assert (await exchange(pool)).body == b"hi"
        pool.close()
