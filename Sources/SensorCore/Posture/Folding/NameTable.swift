// SPDX-License-Identifier: Apache-2.0

/// Names as numbers. Keeps each once, in one piece of memory.
struct NameTable {
    private var bytes: [UInt8] = []
    private var ends: [Int32] = []
    private var hashes: [UInt64] = []
    /// Numbers plus one, by hash; a power of two of them.
    private var places = [Int32](repeating: 0, count: 256)

    var count: Int { ends.count }

    mutating func number(of name: ByteSlice) -> Int32 {
        if ends.count * 2 >= places.count { grow() }
        let hash = StableHash.of(name)
        var place = Self.spread(hash) & (places.count - 1)
        while places[place] != 0 {
            let number = places[place] - 1
            if hashes[Int(number)] == hash, isEqual(number, name) { return number }
            place = (place + 1) & (places.count - 1)
        }
        let number = Int32(ends.count)
        places[place] = number + 1
        bytes.append(contentsOf: name)
        ends.append(Int32(bytes.count))
        hashes.append(hash)
        return number
    }

    mutating func number(of name: [UInt8]) -> Int32 {
        name.withUnsafeBufferPointer { number(of: $0) }
    }

    /// The same in every process: see `StableHash`.
    func hash(_ number: Int32) -> UInt64 { hashes[Int(number)] }

    func withName<Result>(_ number: Int32, _ body: (ByteSlice) -> Result) -> Result {
        bytes.withUnsafeBufferPointer { body($0.slice(range(number))) }
    }

    func append(_ number: Int32, to text: inout [UInt8]) {
        text.append(contentsOf: bytes[range(number)])
    }

    func precedes(_ left: Int32, _ right: Int32) -> Bool {
        bytes.withUnsafeBufferPointer { $0.slice(range(left)).precedes($0.slice(range(right))) }
    }

    private func range(_ number: Int32) -> Range<Int> {
        let start = number == 0 ? 0 : Int(ends[Int(number) - 1])
        return start..<Int(ends[Int(number)])
    }

    private func isEqual(_ number: Int32, _ name: ByteSlice) -> Bool {
        bytes.withUnsafeBufferPointer { $0.slice(range(number)).equals(name) }
    }

    private mutating func grow() {
        places = [Int32](repeating: 0, count: places.count * 2)
        for number in 0..<ends.count {
            var place = Self.spread(hashes[number]) & (places.count - 1)
            while places[place] != 0 { place = (place + 1) & (places.count - 1) }
            places[place] = Int32(number) + 1
        }
    }

    /// Where a name goes is of no consequence but for time, and so nobody outside shall know.
    private static let secret = UInt64.random(in: .min ... .max)

    @inline(__always)
    private static func spread(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: StableHash.mixed(hash ^ secret) >> 1)
    }
}
