"""What settings mean in words: how a backend is chosen, limited, judged and probed, and when a second is asked."""

import pytest
from tests.unit.config.conftest import Accept

from llmgateway.config.describe import describe
from llmgateway.config.snapshot import Backend, Balance, HealthRules, Hedge, ProbeKind
from llmgateway.config.words import balance_in_words, ejection, hedge_in_words, limits, probe
from llmgateway.wire.jsoncodec import decode, encode

BACKENDS = (Backend("one", "openai", ""), Backend("two", "openai", "", weight=2.5))


@pytest.mark.parametrize(
    ("balance", "words"),
    [
        (Balance.LEAST_BUSY, "the less busy of two drawn ones"),
        (Balance.WEIGHTED, "by weight: one 1, two 2.5"),
        (Balance.ORDERED, "in order: one, two"),
        (Balance.PREFIX, "what begins alike goes to the same one"),
    ],
)
def test_how_backends_share_the_work(balance: Balance, words: str) -> None:
    assert balance_in_words(balance, BACKENDS) == words


def test_every_balance_has_words() -> None:
    assert all(balance_in_words(balance, BACKENDS) for balance in Balance)


@pytest.mark.parametrize(
    ("hedge", "words"),
    [
        (Hedge(), "after p95 of first-token times, at least 50ms"),
        (Hedge(percentile=99.5, min_wait_s=1), "after p99.5 of first-token times, at least 1s"),
        (Hedge(after_s=2.0), "after 2s"),
        (Hedge(after_s=0.01, min_wait_s=0.2), "after 200ms"),  # the longer of the two holds
    ],
)
def test_when_a_second_attempt_starts(hedge: Hedge, words: str) -> None:
    assert hedge_in_words(hedge) == words


def test_how_many_at_once_and_who_waits() -> None:
    assert limits(BACKENDS[0]) == "none"
    assert limits(Backend("a", "", "", max_concurrent=8)) == "8 at once, 128 may wait for 5s"
    assert limits(Backend("a", "", "", max_concurrent=8, queue=0)) == "8 at once, nobody waits"


def test_what_takes_a_backend_out_and_how_it_is_asked() -> None:
    rules = HealthRules()
    told = "5 faults in a row, 30 % of 20 or more attempts in 10s"
    assert ejection(rules) == f"{told}, 5 times slower than its peers"
    assert ejection(HealthRules(slow=0)) == told
    assert probe(rules) == "none"
    assert probe(HealthRules(probe=ProbeKind.MODELS)) == "models every 10s"
    asked = HealthRules(probe=ProbeKind.CHAT, probe_model="m", probe_interval_s=60)
    assert probe(asked) == "chat of m every 1m"


def test_a_description_has_them_as_values_and_in_words(accept: Accept) -> None:
    meaning = describe(
        accept(
            ('fallback = ["v1"]', 'fallback = ["v1"]\nbalance = "ordered"\nhedge = { after = "p90" }'),
            ('backends = ["one"]', 'backends = ["one", "two"]'),
            ("[backends.two]", "max_concurrent = 3\n[backends.two]\nhealth = { consecutive = 7 }"),
        ).snapshot
    )
    (route,), (one, two) = meaning["routes"], meaning["backends"]
    assert (route["balance"], route["hedge"]) == ("ordered", {"after": "p90", "min_wait": "50ms"})
    assert route["in_words"]["balance"] == {"v1": "in order: one, two"}, "v2 has no choice"
    assert (one["max_concurrent"], one["queue"], one["queue_wait"], two["max_concurrent"]) == (3, 128, "5s", None)
    assert two["health"]["consecutive"] == 7
    assert two["in_words"]["out_after"].startswith("7 faults in a row")
    assert decode(encode(meaning)) == meaning
