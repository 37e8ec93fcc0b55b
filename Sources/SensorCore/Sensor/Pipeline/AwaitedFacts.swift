// SPDX-License-Identifier: Apache-2.0

/// Facts of what agents say whose workload is not known yet.
struct AwaitedFacts {
    /// Facts, or KiB of them.
    static let limit = 4096

    private var waiting: [(facts: [FactKey], origin: CallOrigin)] = []
    private var count = 0
    /// By the workload's number.
    private var countOf: [UInt64: Int] = [:]
    /// Facts that there was no room for.
    private(set) var refused: UInt64 = 0

    /// As many of them as there is room for. Of what is free each workload has a part at most, so that there is always some for
    /// the next one.
    mutating func add(_ facts: [FactKey], _ origin: CallOrigin, of workload: UInt64) {
        var own = countOf[workload, default: 0]
        let taken = facts.prefix { fact in
            guard own < (Self.limit - count) / 7 else { return false }
            let size = 1 + fact.bytes.count / 1024
            own += size
            count += size
            return true
        }
        refused += UInt64(facts.count - taken.count)
        if taken.isEmpty { return }
        countOf[workload] = own
        waiting.append((Array(taken), origin))
    }

    /// In the order in which they came.
    mutating func take() -> [(facts: [FactKey], origin: CallOrigin)] {
        defer { (waiting, count, countOf) = ([], 0, [:]) }
        return waiting
    }
}
