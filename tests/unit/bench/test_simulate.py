"""Simulations: rules on traffic that can be checked by hand, scenarios in outline, and the page they are put into."""

import json

import numpy as np
import pytest
from scipy import stats

from bench import micro_router, simulate, simulate_aa, simulate_harm, simulate_paired, simulate_power, simulate_rules
from bench.simulate_table import Table, often, upper_bound
from bench.simulate_traffic import share_over
from gnomon.stats import sequential

RNG_SEED = 3


def test_the_vectorised_rules_decide_at_the_look_at_which_the_library_does():
    rng = np.random.default_rng(RNG_SEED)
    n = rng.binomial(1_000, 0.1, (6, 40))
    bad, stable = rng.binomial(n, 0.025), rng.binomial(1_000 - n, 0.01)
    for run in range(6):
        a, b, m = bad[run].cumsum(), stable[run].cumsum(), n[run].cumsum()
        looks = range(40)
        every = {
            "exceedance": [sequential.exceedance_log_e(a[i], m[i], 0.01) for i in looks],
            "label": [sequential.label_log_e([(a[i], a[i] + b[i], 0.1)], 1.3) for i in looks],
            "difference": [
                sequential.quantile_log_e([sequential.Compared(a[i], m[i], b[i], 1_000 * (i + 1) - m[i], 0.1)], 0.99)
                for i in looks
            ],
        }
        wanted = {name: next((i + 1 for i, e in enumerate(es) if e >= 3), np.inf) for name, es in every.items()}
        assert simulate_rules.exceedance(bad, n, 0.01, 3)[run] == wanted["exceedance"]
        assert simulate_rules.label(bad, stable, 0.1, 1.3, 3)[run] == wanted["label"]
        found = simulate_rules.difference(bad, n, stable, 1_000 - n, 0.1, 0.0, 1 - 0.99, 3)
        assert found[run] == wanted["difference"]


def test_strikes_and_windows_count_as_the_tools_do():
    bad = np.array([[0, 3, 0, 0, 2, 2]])
    n = np.full((1, 6), 100)
    assert simulate_rules.windows(bad, 2).tolist() == [[3, 0, 4]]
    over = simulate_rules.p99_over(bad, n, 2)
    assert over.tolist() == [[True, False, True]]  # more than 2 of 200 slow
    assert simulate_rules.strikes(over, 2, 2).tolist() == [6]
    assert simulate_rules.strikes(over, 2, 3).tolist() == [np.inf]


def test_a_sampled_p99_is_that_of_a_sample():
    rng = np.random.default_rng(RNG_SEED)
    n = np.full((1, 4_000), 500)
    drawn = simulate_rules.sampled_p99(rng, n, 0.5)[0]
    real = np.quantile(rng.lognormal(0, 0.5, (4_000, 500)), 0.99, axis=1, method="inverted_cdf")
    assert stats.ks_2samp(drawn, real).pvalue > 0.01


@pytest.mark.parametrize(("p0", "p1", "alpha"), [(0.01, 0.0249, 0.05), (0.1, 0.25, 0.0125), (0.5, 0.7, 0.05)])
def test_the_fixed_sample_is_the_smallest_with_size_and_power(p0, p1, alpha):
    def power(n):
        critical = next(c for c in range(n + 2) if stats.binom.sf(c - 1, n, p0) <= alpha)
        return stats.binom.sf(critical - 1, n, p1)

    n = simulate_power.fixed_sample(p0, p1, alpha)
    assert power(n) >= 0.9
    assert all(power(smaller) < 0.9 for smaller in range(max(1, n - 20), n))


def test_a_p99_a_fifth_longer_means_two_and_a_half_times_the_slow_calls():
    assert share_over(0.01, 1.2) == pytest.approx(0.0249, abs=1e-4)
    assert share_over(0.01, 1.0) == pytest.approx(0.01)


def test_bounds_and_cells_say_what_was_found():
    assert upper_bound(0, 100) == pytest.approx(1 - 0.05**0.01)
    assert stats.binom.cdf(7, 200, upper_bound(7, 200)) == pytest.approx(0.05)
    assert upper_bound(5, 5) == 1.0
    assert often(np.array([4.0, 6.0, np.inf, np.inf])) == "50.0 % (5 s)"
    assert often(np.array([np.inf])) == "0.0 %"
    with pytest.raises(ValueError, match="needs 2 cells"):
        Table(title="t", header=("a", "b"), rows=((1,),))


def test_good_canaries_are_not_stopped_by_ours_and_are_by_the_threshold():
    """The A/A scenario in small: same seeds, same figures."""
    budget = next(iter(simulate_aa.run(60, 600)))
    at_limit = {str(row[0]).strip("*"): float(str(row[3]).split()[0]) for row in budget.rows}
    assert at_limit["e-process, `exceedance_log_e`, alpha 5 %"] <= 5
    assert at_limit["p99 of the last 10 s over the budget"] == 100
    assert at_limit["5 % test at every look"] > 15
    assert next(iter(simulate_aa.run(60, 600))) == budget


def test_a_run_keeps_its_figures_and_fills_its_place_on_the_page(tmp_path, capsys):
    table = Table(title="Found", header=("what", "n"), rows=(("calls", 7), ("none", None)))
    made = simulate.Scenario(full=lambda: [table], quick=lambda: [table])
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- aa -->\nold\n<!-- /aa -->\nafter\n")
    simulate.main(["--quick", "--results", str(tmp_path), "--docs", str(page)], {"aa": made})
    assert "| calls | 7 |\n| none | – |" in page.read_text()
    assert "old" not in page.read_text()
    assert page.read_text().endswith("after\n")
    assert json.loads((tmp_path / "simulations.json").read_text())["aa"]["tables"][0]["rows"][0] == ["calls", 7]
    assert "aa: 0 s" in capsys.readouterr().out
    with pytest.raises(ValueError, match="no marks <!-- power -->"):
        simulate.document(page.read_text(), "power", [table])


def test_all_nan_needs_three_calls_and_a_doubled_p99_some_dozens():
    (table,) = simulate_harm.run(100)
    calls = {(row[0], row[1]): row[2] for row in table.rows}
    assert calls["NaN in every answer", "at most 0.1 % errors"] <= 3
    assert 10 < calls["p99 twice as long", "p99 against its budget"] < 60


def test_a_pair_says_more_than_two_calls():
    (table,) = simulate_paired.run(20)
    assert all(int(row[4].split()[0]) >= 4 and int(row[5].split()[0]) >= 10 for row in table.rows)


def test_the_router_keeps_its_weights_on_every_stretch_of_calls():
    assert len(list(micro_router.sequence(40_000))) == len(micro_router.WEIGHTS)
    assert len(list(micro_router.keys(20_000))) == len(micro_router.WEIGHTS) + 1
