// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

/// A key whose hashes collide, so that probing and gap closing are put to work.
private struct CollidingKey: TableKey {
    var number: UInt32
    func tableHash(seed: UInt64) -> UInt64 { UInt64(number % 7) << 16 }
}

@Suite struct IntegerTableTests {
    @Test func `it agrees with a dictionary over random insertions, changes and removals`() {
        var random = SplitMix(seed: 1)
        var table = IntegerTable<UInt64, String>()
        var dictionary: [UInt64: String] = [:]
        for step in 0..<50_000 {
            let key = random.next() % 700
            switch random.next() % 4 {
            case 0: #expect(table.remove(key) == dictionary.removeValue(forKey: key))
            case 1:
                let old = table.set(key, to: "value \(step)")
                #expect(old == dictionary.updateValue("value \(step)", forKey: key))
            case 2:
                table.update(key, default: "new") { $0 += "+" }
                dictionary[key, default: "new"] += "+"
                if (dictionary[key]?.utf8.count ?? 0) > 40 { dictionary[key] = "short"; table.set(key, to: "short") }
            default: #expect(table[key] == dictionary[key])
            }
            if table.count != dictionary.count { Issue.record("counts differ at step \(step)") }
        }
        var seen: [UInt64: String] = [:]
        table.forEach { seen[$0] = $1 }
        #expect(seen == dictionary)
    }

    @Test func `keys that collide stay apart when others between them are removed`() {
        var random = SplitMix(seed: 2)
        var table = IntegerTable<CollidingKey, Int>()
        var dictionary: [UInt32: Int] = [:]
        for step in 0..<20_000 {
            let number = UInt32(random.next() % 60)
            if random.next() % 2 == 0 {
                table.set(CollidingKey(number: number), to: step)
                dictionary[number] = step
            } else {
                #expect(table.remove(CollidingKey(number: number)) == dictionary.removeValue(forKey: number))
            }
            for probe in UInt32(0)..<60 where table[CollidingKey(number: probe)] != dictionary[probe] {
                Issue.record("key \(probe) differs at step \(step)")
            }
        }
    }

    @Test func `values are released when the table goes`() {
        final class Witness: Sendable {}
        weak var weakWitness: Witness?
        do {
            let witness = Witness()
            weakWitness = witness
            var table = IntegerTable<UInt32, Witness>()
            for key in UInt32(0)..<100 { table.set(key, to: witness) }
            table.remove(3)
        }
        #expect(weakWitness == nil)
    }
}

@Suite struct RecencyTableTests {
    @Test func `what was not used for longest goes first`() {
        var table = RecencyTable<UInt32, String>(capacity: 3)
        for (key, value) in [(1, "one"), (2, "two"), (3, "three")] as [(UInt32, String)] {
            #expect(table.insert(key, value) == nil)
        }
        #expect(table.use(1) == "one")
        #expect(table.peek(2) == "two")
        let gone = table.insert(4, "four")
        #expect(gone?.key == 2)
        #expect(gone?.value == "two")
        #expect(table.count == 3)
        #expect(table.peekOldest()?.key == 3)
        #expect(table.remove(3) == "three")
        #expect(table.insert(5, "five") == nil)
        #expect(table.removeOldest()?.key == 1)
        #expect(
            table.modify(4) {
                $0 += "!"; return $0
            } == "four!")
        #expect(table.removeOldest()?.key == 5)
        #expect(table.removeOldest()?.value == "four!")
        #expect(table.removeOldest() == nil)
    }

    @Test func `what gives back memory has what it had, in the same order`() {
        var random = SplitMix(seed: 4)
        var table = RecencyTable<UInt64, String>(capacity: 10_000)
        for key in UInt64(0)..<10_000 { table.insert(key, "\(key)") }
        var left = (UInt64(0)..<10_000).shuffled(using: &random)
        for key in left.prefix(9_000) { #expect(table.remove(key) == "\(key)") }
        left.removeFirst(9_000)
        for key in left { #expect(table.use(key) == "\(key)") }
        table.giveBack()
        let isSame = left.allSatisfy { table.peek($0) == "\($0)" }
        #expect(isSame && table.count == 1000)
        for key in UInt64(20_000)..<30_000 {
            let gone = table.insert(key, "new")
            #expect(gone?.key == (key < 29_000 ? nil : left[Int(key - 29_000)]))
        }
        while table.removeOldest() != nil {}
        table.giveBack()
        #expect(table.count == 0 && table.peekOldest() == nil)
        table.insert(1, "one")
        #expect(table.peekOldest()?.value == "one")
    }

    @Test func `it agrees with a simple list over random use`() {
        var random = SplitMix(seed: 3)
        var table = RecencyTable<UInt64, UInt64>(capacity: 32)
        var list: [(UInt64, UInt64)] = []  // oldest first
        for step in UInt64(0)..<20_000 {
            let key = random.next() % 64
            let place = list.firstIndex { $0.0 == key }
            switch random.next() % 3 {
            case 0:
                #expect(table.use(key) == place.map { list[$0].1 })
                if let place { list.append(list.remove(at: place)) }
            case 1:
                table.insert(key, step)
                if let place { list.remove(at: place) } else if list.count == 32 { list.removeFirst() }
                list.append((key, step))
            default:
                #expect(table.remove(key) == place.map { list.remove(at: $0).1 })
            }
            if table.peekOldest()?.key != list.first?.0 { Issue.record("oldest differs at step \(step)") }
        }
    }
}
