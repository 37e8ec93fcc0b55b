// SPDX-License-Identifier: Apache-2.0

/// The ways in which a subject's facts come about, by numbers of one byte.
struct QualifierTable {
    private var all: [FactQualifiers] = []

    /// Those beyond lose the agent: agents call themselves what they like.
    private static let limit = 128

    /// Bytes of it, about.
    var bytes: Int { all.count * 128 }

    subscript(number: UInt8) -> FactQualifiers { all[Int(number)] }

    /// nil: there is no room for one more.
    mutating func number(of qualifiers: FactQualifiers) -> UInt8? {
        if let known = all.firstIndex(of: qualifiers) { return UInt8(known) }
        if all.count < Self.limit { return append(qualifiers) }
        var plain = qualifiers
        plain.agent = "(others)"
        if let known = all.firstIndex(of: plain) { return UInt8(known) }
        return all.count < Int(UInt8.max) ? append(plain) : nil
    }

    private mutating func append(_ qualifiers: FactQualifiers) -> UInt8 {
        all.append(qualifiers)
        return UInt8(all.count - 1)
    }
}
