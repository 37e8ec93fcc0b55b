// SPDX-License-Identifier: Apache-2.0

/// A bounded table that gives up what was not used for longest.
package struct RecencyTable<Key: TableKey, Value>: ~Copyable {
    package let capacity: Int
    package var count: Int { index.count }

    struct Node {
        var key: Key
        var value: Value?
        var newer: Int32
        var older: Int32
    }

    private var index: IntegerTable<Key, Int32>
    // Reserved at once: of memory that was not touched yet only addresses are used, and to move what has grown costs more.
    private var nodes: UnsafeMutablePointer<Node>
    private var nodeCount: Int32 = 0
    private var free: Int32 = -1  // chained through `older`
    private var newest: Int32 = -1
    private var oldest: Int32 = -1

    /// - Precondition: `capacity` is positive.
    package init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        index = IntegerTable()
        nodes = .allocate(capacity: capacity)
    }

    deinit {
        nodes.deinitialize(count: Int(nodeCount))
        nodes.deallocate()
    }

    @inline(__always)
    private func node(_ number: Int32) -> UnsafeMutablePointer<Node> { nodes + Int(number) }

    /// The value of `key`, which counts as a use of it.
    package mutating func use(_ key: Key) -> Value? { use(key) { $0 } }

    /// What `read` makes of the value of `key`, which counts as a use of it; `nil` if there is none.
    @inline(__always)
    package mutating func use<Result>(_ key: Key, _ read: (borrowing Value) -> Result) -> Result? {
        guard let number = index[key] else { return nil }
        touch(number)
        return node(number).pointee.value.map(read)
    }

    /// The value of `key`, without that counting as a use.
    package func peek(_ key: Key) -> Value? {
        guard let number = index[key] else { return nil }
        return node(number).pointee.value
    }

    /// Changes the value of `key` in place, as a use of it; `nil` if there is none.
    package mutating func modify<Result>(_ key: Key, _ change: (inout Value) throws -> Result) rethrows -> Result? {
        guard let number = index[key] else { return nil }
        touch(number)
        guard var value = node(number).pointee.value.take() else { return nil }
        // The table has let go of it meanwhile, so that it is changed in place and not in a copy.
        defer { node(number).pointee.value = value }
        return try change(&value)
    }

    /// Sets the value of `key`; returns the entry that had to go for it: the oldest, or what `key` had before.
    @discardableResult
    package mutating func insert(_ key: Key, _ value: consuming Value) -> (key: Key, value: Value)? {
        if let number = index[key] {
            touch(number)
            let old = node(number).pointee.value.take()
            node(number).pointee.value = value
            return old.map { (key, $0) }
        }
        let gone = count == capacity ? removeOldest() : nil
        let number: Int32
        if free >= 0 {
            number = free
            free = node(number).pointee.older
            node(number).pointee = Node(key: key, value: value, newer: -1, older: newest)
        } else {
            number = nodeCount
            nodeCount += 1
            node(number).initialize(to: Node(key: key, value: value, newer: -1, older: newest))
        }
        if newest >= 0 { node(newest).pointee.newer = number } else { oldest = number }
        newest = number
        index.insertNew(key, number)
        return gone
    }

    @discardableResult
    package mutating func remove(_ key: Key) -> Value? {
        guard let number = index.remove(key) else { return nil }
        unlink(number)
        node(number).pointee.older = free
        free = number
        return node(number).pointee.value.take()
    }

    @discardableResult
    package mutating func removeOldest() -> (key: Key, value: Value)? {
        guard oldest >= 0 else { return nil }
        let key = node(oldest).pointee.key
        return remove(key).map { (key, $0) }
    }

    /// Gives back the memory of what is gone, where that is most of what it has. Takes as long as all that is left.
    package mutating func giveBack() {
        guard nodeCount >= Self.leastWorth, count < Int(nodeCount) / 4 else { return }
        let kept = UnsafeMutablePointer<Node>.allocate(capacity: capacity)
        index = IntegerTable()
        var number: Int32 = 0
        var next = oldest
        while next >= 0 {
            let (key, newer) = (node(next).pointee.key, node(next).pointee.newer)
            (kept + Int(number)).initialize(
                to: Node(
                    key: key, value: node(next).pointee.value.take(), newer: newer < 0 ? -1 : number + 1,
                    older: number - 1))
            index.insertNew(key, number)
            number += 1
            next = newer
        }
        nodes.deinitialize(count: Int(nodeCount))
        nodes.deallocate()
        nodes = kept
        (nodeCount, free, oldest, newest) = (number, -1, number > 0 ? 0 : -1, number - 1)
    }

    /// Nodes, of some hundred bytes each.
    private static var leastWorth: Int32 { 4096 }

    /// Calls `body` with every key, in no particular order.
    package func forEachKey(_ body: (Key) -> Void) {
        index.forEach { key, _ in body(key) }
    }

    /// The entry that would go next.
    package func peekOldest() -> (key: Key, value: Value)? {
        guard oldest >= 0, let value = node(oldest).pointee.value else { return nil }
        return (node(oldest).pointee.key, value)
    }

    @inline(__always)
    private mutating func touch(_ number: Int32) {
        guard number != newest else { return }
        unlink(number)
        node(number).pointee.newer = -1
        node(number).pointee.older = newest
        if newest >= 0 { node(newest).pointee.newer = number } else { oldest = number }
        newest = number
    }

    private mutating func unlink(_ number: Int32) {
        let (newer, older) = (node(number).pointee.newer, node(number).pointee.older)
        if newer >= 0 { node(newer).pointee.older = older } else { newest = older }
        if older >= 0 { node(older).pointee.newer = newer } else { oldest = newer }
    }
}
