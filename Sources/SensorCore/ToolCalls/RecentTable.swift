// SPDX-License-Identifier: Apache-2.0

/// The latest of many things, by name: the oldest makes room.
struct RecentTable<Value> {
    private var values: [String: Value] = [:]
    private var order: [String] = []
    private var head = 0
    private let limit: Int
    /// Of names and values, about.
    private(set) var bytes = 0
    private let cost: (Value) -> Int

    /// - Parameter cost: bytes of a value, about.
    init(limit: Int, cost: @escaping (Value) -> Int = { _ in MemoryLayout<Value>.size }) {
        self.limit = limit
        self.cost = cost
    }

    var count: Int { values.count }

    /// The name of the one value for which that is so; nil if it is so for none or for several.
    func only(where isMeant: (Value) -> Bool) -> String? {
        var found: String?
        for (name, value) in values where isMeant(value) {
            if found != nil { return nil }
            found = name
        }
        return found
    }

    /// Setting what is there already does not make it any younger.
    subscript(name: String) -> Value? {
        get { values[name] }
        set {
            if let newValue {
                bytes += cost(newValue)
                if let old = values.updateValue(newValue, forKey: name) {
                    bytes -= cost(old)
                    return
                }
                order.append(name)
                bytes += Self.cost(name)
                if values.count > limit { removeOldest() }
            } else if let old = values.removeValue(forKey: name) {
                bytes -= Self.cost(name) + cost(old)
                order.removeFirst(head)
                head = 0
                order.removeAll { $0 == name }
            }
        }
    }

    /// Of a place in the table.
    private static func cost(_ name: String) -> Int { 2 * name.utf8.count + 64 }

    private mutating func removeOldest() {
        let name = order[head]
        head += 1
        if let old = values.removeValue(forKey: name) { bytes -= Self.cost(name) + cost(old) }
        if head > 32, head * 2 > order.count {
            order.removeFirst(head)
            head = 0
        }
    }
}
