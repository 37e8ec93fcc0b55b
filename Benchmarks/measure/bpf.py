# SPDX-License-Identifier: Apache-2.0
"""Time spent in eBPF programs, asked of the kernel by bpf(2): no bpftool is needed."""

import ctypes
import os
import platform
import struct
from dataclasses import dataclass

_NUMBER = {"x86_64": 321, "aarch64": 280}[platform.machine()]
_PROG_GET_FD_BY_ID, _OBJ_GET_INFO_BY_FD, _BTF_GET_FD_BY_ID, _ENABLE_STATS = 13, 15, 19, 32

_libc = ctypes.CDLL(None, use_errno=True)


def call(command, attributes):
    """bpf(2). Returns the descriptor, if the command makes one."""
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = _libc.syscall(ctypes.c_long(_NUMBER), ctypes.c_int(command), buffer, ctypes.c_uint(128))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"bpf command {command}: {os.strerror(number)}")
    return result


def info(descriptor, buffer):
    """What the kernel tells of the object, written into `buffer`."""
    call(_OBJ_GET_INFO_BY_FD, struct.pack("<IIQ", descriptor, len(buffer), ctypes.addressof(buffer)))
    return buffer


@dataclass(frozen=True)
class ProgramTime:
    """What one program has run, since it was loaded, while the statistics were on."""

    name: str
    runs: int
    time: int  # ns
    missed: int  # recursion

    def since(self, earlier):
        return ProgramTime(self.name, self.runs - earlier.runs, self.time - earlier.time, self.missed - earlier.missed)


class Statistics:
    """Keeps the run-time statistics (`kernel.bpf_stats_enabled`) on. The kernel turns them off with the last descriptor that
    asked for them, so nothing is left behind however this process ends."""

    def __enter__(self):
        self.descriptor = call(_ENABLE_STATS, struct.pack("<I", 0))
        return self

    def __exit__(self, *_):
        os.close(self.descriptor)


def objects(pid):
    """The descriptors' facts (/proc/PID/fdinfo) of every eBPF object that the process holds."""
    found = []
    directory = f"/proc/{pid}/fdinfo"
    for name in os.listdir(directory):
        try:
            with open(f"{directory}/{name}", encoding="ascii", errors="replace") as file:
                facts = dict(line.rstrip("\n").split(":", 1) for line in file if ":" in line)
        except OSError:
            continue
        if {"prog_id", "map_id", "link_id"} & facts.keys():
            found.append({key: value.strip() for key, value in facts.items()})
    return found


def link_count(pid):
    return sum("link_id" in facts for facts in objects(pid))


def map_bytes(pid):
    """Kernel memory of the process's maps, rings included."""
    maps = {facts["map_id"]: int(facts.get("memlock", 0)) for facts in objects(pid) if "map_id" in facts}
    return sum(maps.values())


class Programs:
    """The programs that a process has attached, held by descriptors of our own."""

    def __init__(self, pid):
        identifiers = sorted({int(facts["prog_id"]) for facts in objects(pid) if "prog_id" in facts})
        self.descriptors = [call(_PROG_GET_FD_BY_ID, struct.pack("<I", identifier)) for identifier in identifiers]
        self.names = [_name(descriptor) for descriptor in self.descriptors]

    def times(self):
        """By name."""
        result = {}
        for name, descriptor in zip(self.names, self.descriptors):
            time, runs, missed = struct.unpack_from("<QQQ", info(descriptor, ctypes.create_string_buffer(232)), 192)
            result[name] = ProgramTime(name, runs, time, missed)
        return result

    def close(self):
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []


def _name(descriptor):
    """The program's whole name. What the kernel keeps of it is cut at 15 characters; the BTF has all of it."""
    records = (ctypes.c_uint32 * 8)()
    asking = ctypes.create_string_buffer(232)
    size = struct.unpack_from("<I", info(descriptor, asking), 132)[0]
    short = bytes(asking[64:80]).split(b"\0")[0].decode()
    btf = struct.unpack_from("<I", asking, 128)[0]
    if not btf or not size or size > ctypes.sizeof(records):
        return short
    asking = ctypes.create_string_buffer(232)
    struct.pack_into("<IIQI", asking, 128, 0, size, ctypes.addressof(records), 1)
    info(descriptor, asking)
    return _type_name(btf, records[1]) or short


def _type_name(btf, wanted):
    descriptor = call(_BTF_GET_FD_BY_ID, struct.pack("<I", btf))
    try:
        head = ctypes.create_string_buffer(32)
        info(descriptor, head)
        data = ctypes.create_string_buffer(struct.unpack_from("<I", head, 8)[0])
        asking = ctypes.create_string_buffer(32)
        struct.pack_into("<QI", asking, 0, ctypes.addressof(data), len(data))
        info(descriptor, asking)
    finally:
        os.close(descriptor)
    # Behind each type of 12 bytes stands what its kind (by number) needs: so much, and so much for each of its members.
    fixed = {1: 4, 3: 12, 14: 4, 17: 4}
    member = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}
    length, types, types_size, strings, _ = struct.unpack_from("<IIIII", data, 4)
    at, end, number = length + types, length + types + types_size, 1
    while at < end:
        name, facts, _ = struct.unpack_from("<III", data, at)
        if number == wanted:
            start = length + strings + name
            return data.raw[start : data.raw.index(b"\0", start)].decode()
        kind = (facts >> 24) & 31
        at += 12 + fixed.get(kind, 0) + member.get(kind, 0) * (facts & 0xFFFF)
        number += 1
    return None
