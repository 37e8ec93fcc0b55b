# SPDX-License-Identifier: Apache-2.0
"""The table of what sensord has on which kernel: deploy/KERNELS.md."""

from dataclasses import dataclass
from datetime import date

CALL = "what a tool call does: method"


@dataclass
class Event:
    """A row of the table: something that is to be seen."""

    label: str
    kind: str
    via: str = ""
    access: str = ""
    error: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether kind and hook tell it."""
        return not self.access and not self.error

    def matches(self, event: dict) -> bool:
        return (event["kind"] == self.kind and self.via in ("", event["via"])
                and (not self.access or self.access in event.get("file", {}).get("access", []))
                and self.error in ("", event.get("error")))


EVENTS = (
    Event("process.exec", "process.exec"),
    Event("process.fork", "process.fork"),
    Event("process.exit", "process.exit"),
    Event("file.open", "file.open", via="sys_exit"),
    Event("file.open by io_uring", "file.open", via="io_uring"),
    Event("file.create", "file.create"),
    Event("file.delete", "file.delete"),
    Event("file.rename", "file.rename"),
    Event("file.link", "file.link"),
    Event("file.attribute", "file.attribute"),
    Event("file.execmap by mmap", "file.execmap", via="sys_exit"),
    Event("file.execmap by mprotect", "file.execmap", access="PROTECT"),
    Event("file.execmap by exec", "file.execmap", via="sched_process_exec"),
    Event("network.connect", "network.connect"),
    Event("network.connect that is refused", "network.connect", error="ECONNREFUSED"),
    Event("network.listen", "network.listen"),
    Event("network.accept", "network.accept"),
    Event("network.close", "network.close"),
    Event("network.send", "network.send"),
    Event("syscall.first", "syscall.first"),
    Event("syscall.notable", "syscall.notable"),
    Event("identity.change", "identity.change"),
    Event("dns.answer", "dns.answer"),
)


def table(first: str, runs: list, rows: list) -> str:
    """`rows` are tuples: a title, and for each run what stands there."""
    lines = [f"| {first} | " + " | ".join(run.name for run in runs) + " |", "| --- |" + " --- |" * len(runs)]
    lines += [f"| {title} | " + " | ".join(cells) + " |" for title, *cells in rows]
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ") or "–"


def names(runs: list) -> list:
    """Of all capabilities, in the order in which the kernels tell them."""
    found = []
    for run in runs:
        at = 0
        for entry in run.capabilities:
            if entry["name"] in found:
                at = found.index(entry["name"]) + 1
            else:
                found.insert(at, entry["name"])
                at += 1
    return found


def capability(run, name: str) -> str:
    for entry in run.capabilities:
        if entry["name"] == name:
            return cell({"fires": "ok, fires"}.get(entry["text"], entry["state"]))
    return "–"


def suite(run, name: str) -> str:
    if name not in run.suites:
        return "–"
    passed, of, skipped = run.suites[name]
    return f"{passed} of {of}" + (f", {skipped} skipped" if skipped else "")


def document(runs: list) -> str:
    """Of runs on any kernels; those without capabilities are of the programs alone."""
    whole = [run for run in runs if run.machine == "amd64"]
    text = f"""# Kernels

What sensord has on Debian's kernels, seen in guests (qemu, software emulation) by `make test-kernels`, which wrote this on
{date.today().isoformat()}. Edit nothing here. `sensord check` tells the same of the machine at hand. "–" is what a kernel does not have or was not
looked at there.

{table("", runs, [
    ("kernel", *(cell(run.release) for run in runs)),
    ("programs in use", *(cell(run.image) for run in runs)),
    ("*floor* programs", *(cell(run.accepted.get("floor", "")) for run in runs)),
    ("*direct* programs", *(cell(run.accepted.get("direct", "").split(":")[0]) for run in runs)),
    ("*held* programs", *(cell(run.accepted.get("held", "").split(":")[0]) for run in runs)),
])}
*direct* needs helpers of 6.2; where it is refused sensord uses *floor*, which asks the kernel for every member and costs somewhat more.
From 7.0 on tracepoints can be preempted: *held* keeps the processor while a program works, and has each program a second time, for what the kernel leaves
the first out of meanwhile.
arm64 has the same programs, loaded and attached there by a C program: sensord itself was not run.

## What `sensord check` finds

{table("capability", whole, [(cell(name), *(capability(run, name) for run in whole)) for name in names(whole)])}
"""
    losses = [f"- {run.name}, {entry['name']}, {entry['state']}: {cell(entry['text'])}" for run in whole
              for entry in run.capabilities if entry["state"] != "ok"]
    text += ("\n".join(losses) if losses else "Nothing is degraded or missing on any of them.") + "\n"
    text += f"""
## Events

Each was made in the guest and looked for at the far end; here is the hook that saw it. Which call a task acts for is kept in a hash by thread and
process on all of them: user space cannot write a thread's own storage before 6.9.

{table("event", runs, [(row.label, *(cell(run.seen.get(row.label, "")) for run in runs)) for row in EVENTS]
       + [(CALL, *(cell(run.seen.get(CALL, "")) for run in runs))])}
"""
    suites = sorted({name for run in whole for name in run.suites})
    if suites:
        text += f"""## Kernel tests

{table("suite", whole, [(name, *(suite(run, name) for run in whole)) for name in suites])}
"""
    text += "## What failed\n\n"
    failures = [f"- {run.name}: {name}: {cell(reason)[:600]}" for run in runs for name, reason in run.results if reason]
    return text + ("\n".join(failures) if failures else "Nothing.") + "\n"
