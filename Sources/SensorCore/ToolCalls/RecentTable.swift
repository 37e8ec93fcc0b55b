// SPDX-License-Identifier: Apache-2.0

/// The latest of many things, by name: the oldest makes room.
struct RecentTable<Value> {
    private var values: [String: Value] = [:]
    private var order: [String] = []
    private var head = 0
    private let limit: Int
    /// Of names and values, about.
    private(set) var bytes = 0
    private let valueBytes: Int

    init(limit: Int, valueBytes: Int = MemoryLayout<Value>.size) {
        self.limit = limit
        self.valueBytes = valueBytes
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
                if values.updateValue(newValue, forKey: name) != nil { return }
                order.append(name)
                bytes += cost(name)
                if values.count > limit { removeOldest() }
            } else if values.removeValue(forKey: name) != nil {
                bytes -= cost(name)
                order.removeFirst(head)
                head = 0
                order.removeAll { $0 == name }
            }
        }
    }

    private func cost(_ name: String) -> Int { 2 * name.utf8.count + valueBytes + 64 }

    private mutating func removeOldest() {
        let name = order[head]
        head += 1
        if values.removeValue(forKey: name) != nil { bytes -= cost(name) }
        if head > 32, head * 2 > order.count {
            order.removeFirst(head)
            head = 0
        }
    }
}
