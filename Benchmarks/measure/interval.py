# SPDX-License-Identifier: Apache-2.0
"""Medians, and how sure we are of them."""

import random
import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A median with its 95 % confidence interval."""

    median: float
    low: float
    high: float
    count: int

    def __str__(self):
        return f"{self.median:.3f} [{self.low:.3f}, {self.high:.3f}]"


def median_interval(values, resamples=4000):
    """The median of `values` and its percentile bootstrap interval: what the medians of `resamples` samples, drawn from the
    values with replacement, do in 95 of 100 cases. The same values give the same interval."""
    values = sorted(values)
    if not values:
        raise ValueError("a median of no values")
    source = random.Random(20)
    medians = sorted(statistics.median(source.choices(values, k=len(values))) for _ in range(resamples))
    return Interval(
        median=statistics.median(values),
        low=medians[int(resamples * 0.025)],
        high=medians[int(resamples * 0.975) - 1],
        count=len(values),
    )
