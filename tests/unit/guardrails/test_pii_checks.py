"""Check digits, each against numbers that the issuing bodies publish as examples, and against each changed digit."""

import pytest

from llmgateway.guardrails.pii import checks

GOOD = {
    "luhn": ["4111111111111111", "378282246310005", "046454286"],
    "iban": ["DE89370400440532013000", "GB82WEST12345698765432", "NO9386011117947"],
    "my_number": ["123456789018"],
    "corporate_number": ["7000012050002"],
    "nhs": ["9434765919"],
    "cpf": ["52998224725"],
    "verhoeff": ["234123412346"],
    "steuer_id": ["86095742719"],
    "bsn": ["111222333"],
    "pesel": ["44051401359"],
    "nir": ["255081416802538"],
    "resident_id": ["11010519491231002X"],
    "dni": ["12345678Z", "X1234567L"],
    "nric": ["S1234567D"],
}
CASES = [(name, number) for name, numbers in GOOD.items() for number in numbers]


@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_true_number_passes(name, number):
    assert getattr(checks, name)(number)


@pytest.mark.parametrize(("name", "number"), CASES)
def test_one_wrong_digit_is_noticed(name, number):
    """A third of the changes may pass: some of these sums are weak."""
    check = getattr(checks, name)
    wrong = [
        number[:at] + digit + number[at + 1 :]
        for at, old in enumerate(number)
        if old.isdigit()
        for digit in "0123456789"
        if digit != old
    ]
    assert sum(map(check, wrong)) <= len(wrong) / 9


@pytest.mark.parametrize("name", ["my_number", "cpf"])
def test_a_number_of_one_digit_only_is_nobodys(name):
    assert not any(getattr(checks, name)(digit * 12) for digit in "0123456789")
