// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct RecentTableTests {
    @Test func `what values take is counted as they come, change and go`() {
        var table = RecentTable<[Int]>(limit: 2) { 8 * $0.count }
        table["a"] = [1]
        let small = table.bytes
        table["a"] = Array(0..<100)
        #expect(table.bytes == small + 99 * 8)
        table["b"] = []
        table["c"] = []
        #expect(table["a"] == nil && table.count == 2)
        #expect(table.bytes == 2 * (small - 8))
        table["b"] = nil
        table["c"] = nil
        #expect(table.bytes == 0)
    }
}
