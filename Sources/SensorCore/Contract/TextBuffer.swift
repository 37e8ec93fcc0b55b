// SPDX-License-Identifier: Apache-2.0

/// Bytes that grow at the end. What `[UInt8]` does too, only that its generic appends of a few bytes each were most of what
/// writing an event as JSON cost; here one is a comparison and a copy.
struct TextBuffer: ~Copyable {
    private var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private var isOwner: Bool
    private(set) var count = 0

    /// - Parameter capacity: bytes that fit before it has to grow, 1 or more.
    init(capacity: Int = 512) {
        start = .allocate(capacity: capacity)
        self.capacity = capacity
        isOwner = true
    }

    /// Writes into `space`, which the caller keeps for as long as the buffer lives, until that is full.
    init(borrowing space: UnsafeMutableBufferPointer<UInt8>) {
        isOwner = space.baseAddress == nil
        capacity = isOwner ? 1 : space.count
        start = space.baseAddress ?? .allocate(capacity: 1)
    }

    deinit {
        if isOwner { start.deallocate() }
    }

    /// Valid while the buffer is not changed.
    var contents: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }

    var array: [UInt8] { Array(contents) }

    subscript(index: Int) -> UInt8 {
        get {
            precondition(index >= 0 && index < count)
            return start[index]
        }
        set {
            precondition(index >= 0 && index < count)
            start[index] = newValue
        }
    }

    @inline(__always)
    mutating func append(_ byte: UInt8) {
        if count == capacity { grow(by: 1) }
        start[count] = byte
        count += 1
    }

    @inline(__always)
    mutating func append(contentsOf bytes: UnsafeBufferPointer<UInt8>) {
        guard let source = bytes.baseAddress else { return }
        extend(by: bytes.count).initialize(from: source, count: bytes.count)
    }

    @inline(__always)
    mutating func append(contentsOf bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { append(contentsOf: $0) }
    }

    /// Makes room for `length` bytes at the end, which the caller writes, all of them.
    @inline(__always)
    mutating func extend(by length: Int) -> UnsafeMutablePointer<UInt8> {
        if capacity - count < length { grow(by: length) }
        let place = start + count
        count += length
        return place
    }

    mutating func reserveCapacity(_ wanted: Int) {
        if capacity < wanted { grow(by: wanted - count) }
    }

    @inline(never)
    private mutating func grow(by length: Int) {
        let wanted = max(capacity * 2, count + length)
        let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: wanted)
        grown.initialize(from: start, count: count)
        if isOwner { start.deallocate() }
        start = grown
        capacity = wanted
        isOwner = true
    }
}
