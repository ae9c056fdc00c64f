import re

from llmgateway.domain.errors import ERRORS, Fault, GatewayError


def test_every_code_has_a_status_a_type_and_a_sentence():
    for code, kind in ERRORS.items():
        assert re.fullmatch(r"[a-z_]+", code)
        assert 400 <= kind.status < 600
        assert kind.type.endswith("_error")
        assert kind.message.endswith(".")


def test_what_the_caller_did_wrong_is_not_worth_repeating_unless_waiting_helps():
    worth_repeating = {code for code, kind in ERRORS.items() if kind.fault is Fault.CALLER and kind.retryable}
    assert worth_repeating == {
        "request_timeout",
        "too_many_connections",
        "rate_limited",
        "tunnel_idle",
        "tunnel_expired",
    }


def test_a_fault_of_the_infrastructure_is_never_told_as_a_wrong_key():
    assert all(kind.status != 401 for kind in ERRORS.values() if kind.fault is not Fault.CALLER)


def test_an_error_takes_its_sentence_from_the_table_unless_given_another():
    assert GatewayError("draining").message == ERRORS["draining"].message
    assert GatewayError("draining", "Soon.").message == "Soon."
    assert GatewayError("draining").status == 503
