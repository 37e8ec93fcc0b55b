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
    private var nodes: ContiguousArray<Node> = []
    private var free: Int32 = -1  // chained through `older`
    private var newest: Int32 = -1
    private var oldest: Int32 = -1

    /// - Precondition: `capacity` is positive.
    package init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        index = IntegerTable()
    }

    /// The value of `key`, which counts as a use of it.
    package mutating func use(_ key: Key) -> Value? {
        guard let node = index[key] else { return nil }
        touch(node)
        return nodes[Int(node)].value
    }

    /// The value of `key`, without that counting as a use.
    package func peek(_ key: Key) -> Value? {
        guard let node = index[key] else { return nil }
        return nodes[Int(node)].value
    }

    /// Changes the value of `key` in place, as a use of it; `nil` if there is none.
    package mutating func modify<Result>(_ key: Key, _ change: (inout Value) throws -> Result) rethrows -> Result? {
        guard let node = index[key] else { return nil }
        touch(node)
        guard var value = nodes[Int(node)].value else { return nil }
        // The table lets go of it meanwhile, so that it is changed in place and not in a copy.
        nodes[Int(node)].value = nil
        defer { nodes[Int(node)].value = value }
        return try change(&value)
    }

    /// Sets the value of `key`; returns the entry that had to go for it: the oldest, or what `key` had before.
    @discardableResult
    package mutating func insert(_ key: Key, _ value: consuming Value) -> (key: Key, value: Value)? {
        if let node = index[key] {
            touch(node)
            let old = nodes[Int(node)].value
            nodes[Int(node)].value = value
            return old.map { (key, $0) }
        }
        let gone = count == capacity ? removeOldest() : nil
        let node: Int32
        if free >= 0 {
            node = free
            free = nodes[Int(node)].older
            nodes[Int(node)] = Node(key: key, value: value, newer: -1, older: newest)
        } else {
            // All at once: of memory that was not touched yet only addresses are used, and to move what has grown costs more.
            if nodes.isEmpty { nodes.reserveCapacity(capacity) }
            node = Int32(nodes.count)
            nodes.append(Node(key: key, value: value, newer: -1, older: newest))
        }
        if newest >= 0 { nodes[Int(newest)].newer = node } else { oldest = node }
        newest = node
        index.set(key, to: node)
        return gone
    }

    @discardableResult
    package mutating func remove(_ key: Key) -> Value? {
        guard let node = index.remove(key) else { return nil }
        unlink(node)
        let value = nodes[Int(node)].value
        nodes[Int(node)].value = nil
        nodes[Int(node)].older = free
        free = node
        return value
    }

    @discardableResult
    package mutating func removeOldest() -> (key: Key, value: Value)? {
        guard oldest >= 0 else { return nil }
        let key = nodes[Int(oldest)].key
        return remove(key).map { (key, $0) }
    }

    /// Calls `body` with every key, in no particular order.
    package func forEachKey(_ body: (Key) -> Void) {
        index.forEach { key, _ in body(key) }
    }

    /// The entry that would go next.
    package func peekOldest() -> (key: Key, value: Value)? {
        guard oldest >= 0, let value = nodes[Int(oldest)].value else { return nil }
        return (nodes[Int(oldest)].key, value)
    }

    private mutating func touch(_ node: Int32) {
        guard node != newest else { return }
        unlink(node)
        nodes[Int(node)].newer = -1
        nodes[Int(node)].older = newest
        if newest >= 0 { nodes[Int(newest)].newer = node } else { oldest = node }
        newest = node
    }

    private mutating func unlink(_ node: Int32) {
        let (newer, older) = (nodes[Int(node)].newer, nodes[Int(node)].older)
        if newer >= 0 { nodes[Int(newer)].older = older } else { newest = older }
        if older >= 0 { nodes[Int(older)].newer = newer } else { oldest = newer }
    }
}
