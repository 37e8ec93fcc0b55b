# SPDX-License-Identifier: Apache-2.0
"""Reads the sensor's loss ledger straight from the kernel, so that the sensor is not taken at its word."""

import ctypes
import errno
import os
import struct

from measure import bpf

_LOOKUP, _GET_NEXT_KEY, _GET_FD_BY_ID = 1, 4, 14


def _open(pid, wanted):
    for identifier in sorted({int(facts["map_id"]) for facts in bpf.objects(pid) if "map_id" in facts}):
        descriptor = bpf.call(_GET_FD_BY_ID, struct.pack("<I", identifier))
        info = bpf.info(descriptor, ctypes.create_string_buffer(88))
        if bytes(info[24:40]).split(b"\0")[0].decode() == wanted:
            return descriptor
        os.close(descriptor)
    return None


def losses(pid):
    """{(cgroup, kind, reason): count} of the map `losses` (struct sensor_loss_key); empty if the process holds no such map."""
    descriptor = _open(pid, "losses")
    if descriptor is None:
        return {}
    result = {}
    key, following = ctypes.create_string_buffer(16), ctypes.create_string_buffer(16)
    value = ctypes.create_string_buffer(8)
    address = 0
    try:
        while True:
            try:
                bpf.call(_GET_NEXT_KEY, struct.pack("<IxxxxQQ", descriptor, address, ctypes.addressof(following)))
            except OSError as error:
                if error.errno != errno.ENOENT:
                    raise
                return result
            ctypes.memmove(key, following, 16)
            address = ctypes.addressof(key)
            bpf.call(_LOOKUP, struct.pack("<IxxxxQQQ", descriptor, address, ctypes.addressof(value), 0))
            cgroup, _, reason, kind = struct.unpack_from("<QBBB", key)
            count = struct.unpack("<Q", value)[0]
            result[cgroup, kind, reason] = result.get((cgroup, kind, reason), 0) + count
    finally:
        os.close(descriptor)
