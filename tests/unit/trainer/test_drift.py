"""The drift library on the flights: every exact KS distance is in its bracket, and within 0.0015 of its lower end."""

import numpy as np
from scipy import stats

from gnomon.stats import Profile, Sketch
from trainer.flights import FEATURES, Flights


def test_ks_of_the_flights_is_near_the_exact_distance_and_always_in_its_bracket(flights: Flights) -> None:
    winter = flights.features[flights.labelled([1, 2])]
    profile = Profile.fit(winter, names=FEATURES)
    off = []
    for month in range(3, 13):
        rows = flights.features[flights.labelled([month])]
        window = Sketch(profile)
        window.update(rows)
        for column, (name, found) in enumerate(window.ks().items()):
            known = (values[~np.isnan(values)].astype(np.float64) for values in (winter[:, column], rows[:, column]))
            exact = stats.ks_2samp(*known, method="asymp").statistic
            assert found.lo - 1e-12 <= exact <= found.hi + 1e-12, name
            off.append(exact - found.lo)
    assert len(off) == 170
    assert max(off) <= 0.0015
