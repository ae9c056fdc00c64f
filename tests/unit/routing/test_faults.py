from llmgateway.config.rules import FaultKind
from llmgateway.domain.errors import ERRORS, Fault
from llmgateway.routing.faults import AGAIN, CODES, UNSENT, kind_of, leads_on

# Faults after which no other attempt can help: it would be as long, or there is nobody left to ask.
FINAL = {"upstream_too_long", "no_healthy_upstream"}


def test_every_fault_of_a_backend_has_a_kind_or_is_final():
    upstream = {code for code, kind in ERRORS.items() if kind.fault is Fault.UPSTREAM}
    assert upstream - FINAL == {code for codes in CODES.values() for code in codes} - {"overloaded"}


def test_every_kind_has_codes_and_no_code_two_kinds():
    assert set(CODES) == set(FaultKind)
    codes = [code for each in CODES.values() for code in each]
    assert len(codes) == len(set(codes))
    assert all(codes for codes in CODES.values())
    assert set(codes) <= set(ERRORS)
    assert set(codes) >= AGAIN | UNSENT


def test_only_the_faults_a_route_names_lead_on():
    assert leads_on("upstream_timeout", {FaultKind.TIMEOUT})
    assert not leads_on("upstream_timeout", {FaultKind.AUTH})
    assert not leads_on("invalid_json", set(FaultKind))


def test_kinds_are_what_operators_call_the_codes():
    assert kind_of("upstream_tls") is FaultKind.UNREACHABLE
    assert kind_of("overloaded") is FaultKind.OVERLOADED
    assert kind_of("model_not_found") is None
