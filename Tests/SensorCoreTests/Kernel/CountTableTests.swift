// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

@Suite struct CountTableTests {
    private func key(_ number: UInt64) -> sensor_key {
        var key = sensor_key()
        key.object = number &* 0x9e37_79b9_7f4a_7c15
        key.cgroup = number % 7
        key.kind = UInt8(number % 3)
        return key
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `it holds what a dictionary would after any sequence of changes`(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        var table = CountTable()
        var model: [UInt64: UInt64] = [:]
        for step: UInt64 in 1...20_000 {
            let number = random.next() % 2000
            switch random.next() % 8 {
            case 0:
                table.remove(key(number))
                model[number] = nil
            case 1 where random.next() % 100 == 0:
                table.removeAll { $0.count.count % 3 == 0 }
                model = model.filter { $0.value % 3 != 0 }
            default:
                let before = table.withSlot(of: key(number)) { slot in
                    defer { slot.count.count = step }
                    return slot.count.count
                }
                #expect(before == model[number] ?? 0)
                model[number] = step
            }
        }
        #expect(table.count == model.count)
        for (number, value) in model {
            let found = table.withSlot(of: key(number)) { $0.count.count }
            #expect(found == value)
        }
    }

    @Test func `keys that differ in one field only are different keys`() {
        var keys = [sensor_key](repeating: sensor_key(), count: 8)
        keys[1].cgroup = 1
        keys[2].executable = 1
        keys[3].object = 1
        keys[4].kind = 1
        keys[5].hook = 1
        keys[6].error = 1
        keys[7].calls = 1
        var table = CountTable()
        for key in keys { table.withSlot(of: key) { $0.count.count += 1 } }
        #expect(table.count == 8)
    }
}
