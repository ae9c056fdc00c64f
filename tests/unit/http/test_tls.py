"""The context of upstream connections verifies, always."""

import ssl

import pytest
import trustme

from llmgateway.domain.errors import GatewayError
from llmgateway.http.tls import client_context, tls_fault


def test_certificate_and_host_name_are_verified_on_modern_tls():
    context = client_context(None)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_ca_file_replaces_the_systems_roots(tmp_path):
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    assert len(client_context(str(path)).get_ca_certs()) == 1


def test_a_ca_file_of_no_use_is_a_tls_fault_that_does_not_name_it(tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for path in (tmp_path / "missing.pem", empty):
        with pytest.raises(GatewayError) as refused:
            client_context(str(path))
        assert refused.value.code == "upstream_tls"
        assert path.name not in refused.value.message


def test_a_refused_certificate_says_why():
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = "certificate has expired"
    assert "expired" in tls_fault(error).message
    assert tls_fault(ConnectionResetError()).code == "upstream_tls"
