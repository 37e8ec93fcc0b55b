// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import Testing

@testable import SensorCore

/// On a map of the kernel's that the test itself fills.
@Suite(.tags(.kernel), .needsKernel) struct CountSourceTests {
    private final class Map {
        let descriptor: Int32

        init(entries: UInt32 = 16_384) throws {
            descriptor = bpf_map_create(
                BPF_MAP_TYPE_HASH, "counts", UInt32(MemoryLayout<sensor_key>.size),
                UInt32(MemoryLayout<sensor_count>.size), entries, nil)
            try #require(descriptor >= 0)
        }

        deinit { close(descriptor) }

        func set(_ object: UInt64, _ count: UInt64) {
            var key = sensor_key()
            key.object = object
            key.cgroup = 9
            var value = sensor_count(count: count, sent: 0, received: 0)
            #expect(bpf_map_update_elem(descriptor, &key, &value, 0) == 0)
        }

        func delete(_ object: UInt64) {
            var key = sensor_key()
            key.object = object
            key.cgroup = 9
            #expect(bpf_map_delete_elem(descriptor, &key) == 0)
        }
    }

    private func read(_ source: inout CountSource) throws -> (changes: [UInt64: UInt64], entries: Int) {
        var changes: [UInt64: UInt64] = [:]
        let entries = try source.read(beforeNew: {}) { changes[$0.key.object, default: 0] += $0.difference.count }
        return (changes, entries)
    }

    @Test(arguments: [0, 1, 1023, 1024, 10_000]) func `how many there are is counted, with batches and without`(
        _ entries: Int
    ) throws {
        let map = try Map()
        for object in 0..<UInt64(entries) { map.set(object, 1) }
        let hash = BPFObject.Hash(
            name: "counts", map: map.descriptor, keyBytes: MemoryLayout<sensor_key>.size,
            valueBytes: MemoryLayout<sensor_count>.size, entries: 16_384)
        #expect(MapElement.count(in: hash) == entries)
        #expect(MapElement.countOneByOne(in: hash) == entries)
    }

    @Test(arguments: [true, false]) func `each reading tells what was added since the last one`(_ batches: Bool) throws
    {
        let map = try Map()
        var source = CountSource(map: map.descriptor, idleTicks: 0, hasBatches: batches)
        map.set(1, 5)
        map.set(2, 0)
        #expect(try read(&source) == ([1: 5], 2))
        map.set(1, 7)
        map.set(2, 1)
        #expect(try read(&source) == ([1: 2, 2: 1], 2))
        #expect(try read(&source) == ([:], 2))
    }

    @Test(arguments: [true, false]) func `an entry that was deleted and made again starts from nothing`(_ batches: Bool)
        throws
    {
        let map = try Map()
        var source = CountSource(map: map.descriptor, idleTicks: 0, hasBatches: batches)
        map.set(1, 5)
        _ = try read(&source)
        map.set(1, 3)
        #expect(try read(&source) == ([1: 3], 1))
        map.delete(1)
        #expect(try read(&source) == ([:], 0))
        map.set(1, 4)
        #expect(try read(&source) == ([1: 4], 1))
    }

    @Test(arguments: [true, false]) func `a map of many entries is read whole`(_ batches: Bool) throws {
        let map = try Map()
        var source = CountSource(map: map.descriptor, idleTicks: 0, hasBatches: batches)
        for object: UInt64 in 1...10_000 { map.set(object, object) }
        let first = try read(&source)
        #expect(first.entries == 10_000)
        #expect(first.changes.count == 10_000)
        #expect(first.changes.values.reduce(0, +) == 50_005_000)
        for object: UInt64 in 1...10_000 where object % 10 == 0 { map.set(object, object + 1) }
        #expect(try read(&source).changes.values.reduce(0, +) == 1000)
    }

    @Test func `an entry is deleted after as many ticks without a count as are set, its last count told`() throws {
        let map = try Map()
        var source = CountSource(map: map.descriptor, idleTicks: 2)
        map.set(1, 1)
        map.set(2, 1)
        for tick: UInt64 in 1...5 {
            map.set(2, tick + 1)
            _ = try read(&source)
            // A program was faster than the deletion.
            if tick == 4 { map.set(1, 4) }
            var last: [UInt64: UInt64] = [:]
            let evicted = source.evictIdle { last[$0.key.object] = $0.difference.count }
            #expect(evicted == (tick == 4 ? [9: 1] : [:]), "tick \(tick)")
            #expect(last == (tick == 4 ? [1: 3] : [:]), "tick \(tick)")
        }
        #expect(try read(&source).entries == 1)
    }

    @Test(arguments: [true, false]) func `what an entry is about is asked for before its first count, and not again`(
        _ batches: Bool
    ) throws {
        let map = try Map()
        var source = CountSource(map: map.descriptor, idleTicks: 0, hasBatches: batches)
        var order: [String] = []
        let read = { (source: inout CountSource) in
            order = []
            _ = try source.read(beforeNew: { order.append("records") }) { order.append("count \($0.difference.count)") }
        }
        map.set(1, 1)
        try read(&source)
        #expect(order == ["records", "count 1"])
        map.set(1, 3)
        try read(&source)
        #expect(order == ["count 2"])
        map.set(2, 0)
        try read(&source)
        #expect(order == ["records"])
    }

    @Test func `forgetting a cgroup deletes its entries`() throws {
        let map = try Map()
        var source = CountSource(map: map.descriptor, idleTicks: 0)
        map.set(1, 1)
        _ = try read(&source)
        source.forget(cgroups: [8])
        #expect(try read(&source).entries == 1)
        source.forget(cgroups: [9])
        #expect(try read(&source).entries == 0)
    }
}
