import pytest

from llmgateway.dataplane.peer import caller_address, networks

TRUSTED = networks(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "caller"),
    [
        ("203.0.113.9", None, "203.0.113.9"),
        ("203.0.113.9", b"1.2.3.4", "203.0.113.9"),  # nobody we trust said so
        ("10.0.0.1", b"1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", b"6.6.6.6, 1.2.3.4", "1.2.3.4"),  # what stands left of the caller is the caller's own word
        ("10.0.0.1", b"6.6.6.6, 1.2.3.4, 10.9.9.9", "1.2.3.4"),
        ("10.0.0.1", b"10.1.1.1", "10.1.1.1"),
        ("10.0.0.1", b"1.2.3.4, nonsense", "10.0.0.1"),
        ("10.0.0.1", b"", "10.0.0.1"),
        ("fd00::1", b"2001:db8::7", "2001:db8::7"),
        ("", b"1.2.3.4", ""),
    ],
)
def test_the_caller_is_the_rightmost_address_nobody_vouches_for(peer, forwarded, caller):
    assert caller_address(peer, forwarded, TRUSTED) == caller


def test_without_trusted_proxies_the_header_means_nothing():
    assert caller_address("10.0.0.1", b"1.2.3.4", ()) == "10.0.0.1"
