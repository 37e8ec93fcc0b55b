# SPDX-License-Identifier: Apache-2.0
"""Prints what was measured, against what must be reached and what others cost."""

from measure.plan import ENOUGH_PAIRS, QUIET_OTHERS, QUIET_STOLEN, TARGETS

# Time per operation over the same round's time with no sensor, medians of seven interleaved rounds on a quiet machine with 2
# processors and kernel 6.18, tracepoint backends; measured once, apart from this run. Columns: repeated open, distinct opens,
# exec, connect, agent CPU per event, RSS, delivered of a burst of 50 000 opens.
OTHERS = [
    ("Tetragon, default ring", "2.11", "2.04", "1.33", "1.77", "13 µs", "56–90 MB", "35 %"),
    ("Tetragon, 64 MB ring", "2.25", "2.19", "1.35", "1.65", "34 µs", "183–241 MB", "100 %"),
    ("Falco libs, capture only", "1.66", "1.78", "1.10", "1.11", "0.6 µs", "53 MB", "100 %"),
    ("bpftrace to a file", "5.6", "4.7", "1.07", "1.68", "4 µs", "101 MB", "92 %"),
    ("an empty sys_exit program", "1.10", "1.18", "1.03", "0.98", "–", "–", "–"),
]
HEAD = ("", "repeated open", "distinct opens", "exec", "connect", "CPU per event", "RSS", "burst of 50 000")


def table(rows):
    """Rows of equal length as aligned columns; the first row is the head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def verdict(value, target, low=None, high=None):
    """pass and miss are said only if the whole interval is on one side."""
    if value is None:
        return "–"
    if (high if high is not None else value) <= target:
        return "pass"
    if (low if low is not None else value) > target:
        return "MISS"
    return "pass?" if value <= target else "MISS?"


def noise(results):
    """Why the figures are no claim; empty if they are."""
    found = []
    overhead = results.get("overhead", {})
    for name, figures in overhead.items():
        if figures["pairs"] < ENOUGH_PAIRS:
            found.append(f"{figures['pairs']} pairs, fewer than {ENOUGH_PAIRS}")
            break
    others = max((figures["others"] for figures in overhead.values()), default=0)
    stolen = max((figures["stolen"] for figures in overhead.values()), default=0)
    for part in results.get("events", {}).values():
        others = max(others, part["load"])
    others = max(others, results.get("idle", {}).get("load", 0))
    if others > QUIET_OTHERS:
        found.append(f"others used {others:.0%} of the machine")
    if stolen > QUIET_STOLEN:
        found.append(f"the hypervisor took {stolen:.1%} of the machine")
    return found


def _overhead(results, titles):
    rows = [("time with sensord / without", "wall, median [95 %]", "CPU, median [95 %]", "without", "target", "wall", "CPU")]
    for name, figures in results["overhead"].items():
        wall, cpu = figures["wall"], figures["cpu"]
        target = TARGETS.get(name)
        row = [titles[name]]
        row += [f"{part['median']:.3f} [{part['low']:.3f}, {part['high']:.3f}]" for part in (wall, cpu)]
        row += [f"{figures['base_ns'] / 1000:.2f} µs", f"≤ {target:.2f}" if target else "–"]
        row += [verdict(part["median"], target, part["low"], part["high"]) if target else "–" for part in (wall, cpu)]
        rows.append(tuple(row))
    return table(rows)


def _kinds(results):
    rows = [("inside BPF, ns for one", "total", "of which")]
    for name, figures in results["kinds"].items():
        parts = sorted(figures["programs"].items(), key=lambda item: -item[1]["ns"])
        told = [f"{program} {part['ns']:.0f} ({part['runs']:.1f}×)" for program, part in parts]
        rows.append((name, f"{figures['ns']:.0f}", ", ".join(told)))
    return table(rows)


def _figures(results):
    rows = [("", "measured", "target", "")]

    def add(title, value, unit, key, digits):
        if value is not None:
            rows.append((title, f"{value:.{digits}f} {unit}", f"≤ {TARGETS[key]:g} {unit}", verdict(value, TARGETS[key])))

    def tell(title, text):
        rows.append((title, text, "", ""))

    if "kinds" in results:
        add("BPF per fork+exec+exit", results["kinds"]["fork+exec+exit"]["ns"] / 1000, "µs", "process_bpf_us", 2)
    if "events" in results:
        for part, key in ("new", "new_event_us"), ("repeated", "repeated_event_us"):
            figures = results["events"][part]
            add(f"daemon CPU per {part} event", figures["us"], "µs", key, 3)
            tell(f"  {figures['events']} events", f"{figures['own']} own records, {figures['others']} of others")
    if "idle" in results:
        figures = results["idle"]
        add("idle, 10 000 live entries", figures["percent"], "%", "idle_percent", 3)
        tell("  records of others meanwhile", f"{figures['records']} in {figures['seconds']:.0f} s")
        if "events" in results:
            share = figures["records"] * results["events"]["new"]["us"] / 1e4 / figures["seconds"]
            tell("  without them, about", f"{max(0.0, figures['percent'] - share):.3f} %")
    if "memory" in results:
        figures = results["memory"]["mib"]
        add("RSS, 1 000 000 events, 10 000 files", figures["VmRSS"], "MiB", "resident_mib", 1)
        tell("  anonymous, file, shared", ", ".join(f"{figures.get(name, 0):.1f}" for name in ("RssAnon", "RssFile", "RssShmem")))
        tell("  at start", f"{results['memory']['fresh_mib']['VmRSS']:.1f} MiB")
        tell("  maps and rings in the kernel", f"{results['memory']['maps_mib']:.1f} MiB")
    if "start" in results:
        for part, title in ("tail_s", "start to first event, --tail"), ("daemon_s", "start to first event, daemon"):
            figures = results["start"].get(part)
            if figures:
                add(title, figures["median"], "s", "start_s", 3)
                if figures.get("live_median") is not None:
                    tell("  first about what was done since", f"{figures['live_median']:.3f} s")
    if "burst" in results:
        figures = results["burst"]
        lost = sum(figures["lost"].values())
        rows.append(
            (
                f"burst of {figures['generated']} opens",
                f"{figures['delivered']} delivered, {lost} counted as lost",
                "none silently lost",
                "pass" if figures["silent"] == 0 else f"MISS, {figures['silent']}",
            )
        )
        tell("  rate", f"{figures['opens_per_s']:.0f} opens/s")
    return table(rows)


def _field(results):
    def ratio(name):
        figures = results.get("overhead", {}).get(name)
        return f"{figures['wall']['median']:.2f}" if figures else "–"

    process = results.get("kinds", {}).get("fork+exec+exit")
    events, burst = results.get("events"), results.get("burst")
    ours = (
        "sensord, this run",
        ratio("repeated"),
        f"{ratio('spread')} (first {ratio('first')})",
        ratio("process") + (f" ({process['ns'] / 1000:.1f} µs in BPF)" if process else ""),
        ratio("connect"),
        f"{events['new']['us']:.2f} µs new, {events['repeated']['us']:.3f} µs repeated" if events else "–",
        f"{results['memory']['mib']['VmRSS']:.0f} MiB" if "memory" in results else "–",
        f"{burst['delivered'] / burst['generated']:.0%}" + (", rest counted" if sum(burst["lost"].values()) else "") if burst else "–",
    )
    target = ("sensord must reach", "≤ 1.30", "≤ 1.40 (≤ 1.70)", "≤ 15 µs in BPF", "≤ 1.15", "≤ 2 µs, ≤ 0.05 µs", "≤ 40 MiB", "100 %, or counted")
    return table([HEAD, *OTHERS, ours, target])


def text(results, titles):
    parts = []
    if results.get("overhead"):
        parts.append(_overhead(results, titles))
    if "kinds" in results:
        parts.append(_kinds(results))
    if results.keys() & {"kinds", "events", "idle", "memory", "start", "burst"}:
        parts.append(_figures(results))
    parts.append(_field(results))
    warnings = noise(results)
    if warnings:
        parts.append("NO CLAIM: " + "; ".join(warnings) + ". Read the CPU column rather than the wall one (Benchmarks/README.md).")
    return "\n\n".join(parts)
