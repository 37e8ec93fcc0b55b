# SPDX-License-Identifier: Apache-2.0
"""How much of everything is measured, and what must be reached."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    pairs: int  # of rounds with and without the sensor
    repeated_opens: int
    connections: int
    processes: int
    kind_operations: int
    kind_windows: int
    new_events: int  # in one window of the daemon's processor time for new events
    new_rounds: int
    repeated_events: int
    idle_seconds: int
    starts: int


FULL = Plan(
    pairs=40,
    repeated_opens=200_000,
    connections=6_000,
    processes=400,
    kind_operations=5_000,
    kind_windows=7,
    new_events=15_000,
    new_rounds=5,
    repeated_events=2_000_000,
    idle_seconds=30,
    starts=9,
)
QUICK = Plan(
    pairs=10,
    repeated_opens=100_000,
    connections=3_000,
    processes=150,
    kind_operations=2_000,
    kind_windows=3,
    new_events=15_000,
    new_rounds=3,
    repeated_events=2_000_000,
    idle_seconds=20,
    starts=3,
)

# Fewer pairs than this support no claim.
ENOUGH_PAIRS = 30
# More of the machine than this, used by others or stolen, and the figures are no claim either.
QUIET_OTHERS = 0.05
QUIET_STOLEN = 0.01

# Files of the workloads over many files, and of the burst.
FILES = 20_000
SPREAD_OPENS = 60_000
BURST = 50_000
LIVE_ENTRIES = 10_000

TARGETS = {
    "repeated": 1.30,  # wall time with the sensor over wall time without
    "spread": 1.40,
    "first": 1.70,
    "connect": 1.15,
    "process_bpf_us": 15.0,
    "new_event_us": 2.0,
    "repeated_event_us": 0.05,
    "idle_percent": 0.1,
    "resident_mib": 40.0,
    "start_s": 0.5,
}
