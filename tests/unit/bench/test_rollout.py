"""The simulations' own shortcuts, each against the long way round."""

import itertools
import json
from random import Random
from statistics import fmean

import pytest
from bench.faults.figure import Figure
from bench.rollout import __main__ as command
from bench.rollout import figures
from bench.rollout.acceptance import Settings, _enough_units, _least_units, all_fail, percentile, shown_harmless
from bench.rollout.engine import RIGHT, THRESHOLD, Engine, Swap, crossed, exactly, harm_regions, safe_regions
from bench.rollout.operating import PLAN, _along
from bench.rollout.traffic import RAMP, STEP_REQUESTS, poisson, ramp, requests_until, rolled_back, sticky, users

from llmgateway.rollout.counts import Draw
from llmgateway.rollout.eprocess import log_e_ceiling
from llmgateway.rollout.grid import CLEAN


@pytest.mark.parametrize("weight", [0.05, 0.5])
@pytest.mark.parametrize("swap", Swap)
def test_regions_are_where_e_is_over_the_threshold(weight, swap):
    engine = Engine(swap)
    harm, harmless = harm_regions(engine, weight, 60), safe_regions(engine, weight, 1.5, 60)
    for n in range(1, 61):
        for c in range(n + 1):
            draws = [Draw(weight, n - c, c)]
            assert (harm[n][0] <= c <= harm[n][1]) == (engine.harm(draws) >= THRESHOLD)
            assert (harmless[n][0] <= c <= harmless[n][1]) == (engine.relative(draws) >= THRESHOLD)


def test_every_path_followed_is_every_path():
    decided, share = harm_regions(RIGHT, 0.1, 10), 0.3
    plain = 0.0
    for path in itertools.product((0, 1), repeat=10):
        sums = list(itertools.accumulate(path))
        if any(decided[n][0] <= sums[n - 1] <= decided[n][1] for n in range(1, 11)):
            plain += share ** sums[-1] * (1 - share) ** (10 - sums[-1])
    assert exactly(decided, share) == pytest.approx(plain)
    rng = Random(1)
    assert fmean(crossed(decided, share, rng.random) is not None for _ in range(4_000)) == pytest.approx(
        plain, abs=0.03
    )


def test_e_is_never_over_the_threshold_where_it_is_not_made():
    rng, crossings = Random(2), 0
    for number in range(300):
        path = (
            list(sticky(RAMP, 1.0, rng, is_first_only=False, count=150))
            if number % 2
            else list(ramp(0.004, 3.0, rng, has_outage=False))
        )
        found, counts, plain = rolled_back(iter(path), RIGHT), {}, None
        for at, (weight, is_candidate) in enumerate(path, 1):
            counts.setdefault(weight, [0, 0])[is_candidate] += 1
            if RIGHT.harm([Draw(each, *counts[each]) for each in counts]) >= THRESHOLD:
                plain = at
                break
        assert found == plain
        crossings += plain is not None
    assert 50 < crossings < 290


def test_a_ramp_has_as_many_bad_events_as_its_requests_make():
    rng = Random(3)
    for has_outage, expected in ((False, 4 * STEP_REQUESTS * 0.01), (True, 34_000 * 0.01 + 6_000 * 0.2)):
        counted = fmean(len(list(ramp(0.01, 1.0, rng, has_outage=has_outage))) for _ in range(100))
        assert counted == pytest.approx(expected, rel=0.03)


def test_the_first_event_of_a_user_is_counted_and_no_user_goes_back():
    events = list(sticky((0.5,), 1.0, Random(4), count=500))
    assert len(events) == 500
    assert fmean(is_candidate for _, is_candidate in events) == pytest.approx(0.5, abs=0.08)
    assert len(list(sticky((0.5,), 1.0, Random(4), is_first_only=False, count=500))) > 600
    assert all(list(each) == sorted(each) and each[0] >= 0 and each[-1] <= 1 for each in users())


def test_numbers_are_drawn_as_they_should():
    rng = Random(5)
    for mean in (0.5, 20.0, 2_000.0):
        assert fmean(poisson(mean, rng) for _ in range(3_000)) == pytest.approx(mean, rel=0.06)
    assert fmean(requests_until(10, 0.01, rng) for _ in range(3_000)) == pytest.approx(1_000, rel=0.03)
    assert percentile([3, None, 1, 2], 50) == 2
    assert percentile([3, None, 1, 2], 100) == float("inf")


def test_enough_units_is_the_least_that_is_enough():
    enough = _enough_units(0.01)
    for bad in (0, 1, 17):
        assert (
            log_e_ceiling(bad, enough[bad], 0.01, CLEAN) >= THRESHOLD > log_e_ceiling(bad, enough[bad] - 1, 0.01, CLEAN)
        )


def test_a_clean_candidate_is_shown_harmless_by_its_ceiling_alone():
    found = shown_harmless(0.5, 1.0, 1e-9, 0.01, Random(6), 10**6)
    assert 2 * _enough_units(0.01)[0] <= found <= 1_000, "the mean of both has to be over it"


def test_it_is_shown_harmless_where_a_look_after_each_unit_would_have_found_it():
    rng = Random(7)
    for _ in range(100):
        stable, candidate, before = rng.randrange(40), rng.randrange(3), 3 + rng.randrange(200)
        found = _least_units(stable, candidate, (before, 900), 0.5, 0.01)
        draws = [Draw(0.5, stable, candidate)]
        plain = (units for units in range(before, 901) if units >= candidate)
        assert found == next(
            (units for units in plain if RIGHT.harmless(draws, candidate, units, 0.01) >= THRESHOLD), None
        )


def test_a_plan_s_draws_add_up():
    for n, c in ((5, 3), (100, 100), (350, 200), (3_000, 1_400)):
        draws = _along(c, n)
        assert sum(each.stable + each.candidate for each in draws) == n
        assert sum(each.candidate for each in draws) == c
        assert [each.stable + each.candidate <= events for each, (_, events) in zip(draws, PLAN, strict=True)] == [
            True
        ] * 3


def test_a_swap_is_seen_by_the_smallest_of_them():
    assert all(each.holds for each in all_fail(Settings(100)))
    assert not all(each.holds for each in all_fail(Settings(100), Engine(Swap.ARMS)))


def test_figures_survive_the_page():
    page = f"before\n{figures.BEGIN}\n| stale | | 1 |\n{figures.END}\nafter\n"
    results = {
        "1": {"figures": [Figure("a, b", "≤ 5 %", "3 %", True).document(), Figure("c", "", "7", None).document()]}
    }
    written = figures.merged(page, results, 1_000)
    assert figures.read(written) == {"a, b": ("≤ 5 %", "3 %"), "c": ("", "7")}
    assert "stale" not in written
    assert figures.merged(written, results, 1_000) == written
    with pytest.raises(ValueError, match="no place"):
        figures.merged("nothing", results, 1)


def test_the_command(capsys):
    assert command.main(["--quick", "--only", "4,7", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said) == ["4", "7"]
    assert all(each["holds"] for each in said["4"]["figures"])
    for wrong in (["--only", "9"], ["--runs", "5"], ["--write", "--only", "4"]):
        with pytest.raises(SystemExit):
            command.main(wrong)
