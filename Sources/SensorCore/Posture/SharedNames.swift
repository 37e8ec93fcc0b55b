// SPDX-License-Identifier: Apache-2.0

/// Names that facts of a subject share, each with a number from 1 on.
struct SharedNames {
    private struct Entry {
        var name: ByteString
        var hash: UInt64
    }

    private var entries: [Entry] = []
    private var numbers: [ByteString: UInt16] = [:]

    static let capacity = 1024

    var isFull: Bool { entries.count >= Self.capacity }
    var bytes: Int { entries.reduce(0) { $0 + 112 + $1.name.bytes.count } }

    /// 0: there is no room for it, or it is empty.
    mutating func number(of name: ByteString) -> UInt16 {
        if name.isEmpty { return 0 }
        let name = FactKey.shortened(name)
        if let known = numbers[name] { return known }
        if isFull { return 0 }
        entries.append(Entry(name: name, hash: StableHash.of(name.bytes)))
        numbers[name] = UInt16(entries.count)
        return UInt16(entries.count)
    }

    subscript(number: UInt16) -> ByteString { entries[Int(number) - 1].name }

    func hash(_ number: UInt16) -> UInt64 { entries[Int(number) - 1].hash }

    /// Lets go of the others.
    ///
    /// - Returns: the new number of each.
    mutating func keep(_ kept: Set<UInt16>) -> [UInt16: UInt16] {
        var moved: [UInt16: UInt16] = [:]
        let old = entries
        entries = []
        numbers = [:]
        for number in kept.sorted() {
            let entry = old[Int(number) - 1]
            entries.append(entry)
            numbers[entry.name] = UInt16(entries.count)
            moved[number] = UInt16(entries.count)
        }
        return moved
    }
}
