// SPDX-License-Identifier: Apache-2.0

/// What was done for which tool: the tools called most, and classes of effects, with all others put together.
struct EffectMap: Equatable {
    struct Node: Equatable {
        var name: String
        /// It stands for so many others.
        var others: Int?
        /// A credential, or what is as sensitive.
        var isSensitive = false
    }

    struct Band: Equatable {
        var tool: Int
        var effect: Int
        /// Joined to one call.
        var sure: UInt64
        /// It could have been one of several.
        var unsure: UInt64

        var count: UInt64 { sure &+ unsure }
    }

    let tools: [Node]
    let effects: [Node]
    /// By tool, then by effect.
    let bands: [Band]

    static let toolLimit = 8
    static let effectLimit = 12
    private static let patterns = 8

    private struct Pair: Hashable {
        var tool: String
        var effect: String
    }

    /// nil: nothing is known to have been done for a tool.
    init?(_ facts: [SharedFact.Identity: SharedFact]) {
        let facts = facts.filter { $0.key.key.kind == .effect && !$0.key.isOverflow }
        if facts.isEmpty { return nil }
        let classes = Self.classes(facts.keys.map(\.key))
        var sums: [Pair: (sure: UInt64, unsure: UInt64)] = [:]
        var sensitive: Set<String> = []
        for (identity, fact) in facts {
            let counts = fact.counts
            let effect = classes[identity.key] ?? ""
            // Candidates, and time alone, are no more than a possibility.
            let unsure = min(counts.count, counts.attributed.dropFirst(3).reduce(0, &+))
            var sum = sums[Pair(tool: identity.key[.tool].text, effect: effect)] ?? (0, 0)
            sum.sure &+= counts.count - unsure
            sum.unsure &+= unsure
            sums[Pair(tool: identity.key[.tool].text, effect: effect)] = sum
            if FactSensitivity(of: identity.key, isDenied: false) == .guarded { sensitive.insert(effect) }
        }
        let tools = Self.nodes(sums.map { ($0.key.tool, $0.value.sure &+ $0.value.unsure) }, [], Self.toolLimit)
        let effects = Self.nodes(
            sums.map { ($0.key.effect, $0.value.sure &+ $0.value.unsure) }, sensitive, Self.effectLimit)
        var bands: [[Int]: Band] = [:]
        for (pair, sum) in sums {
            let tool = tools.places[pair.tool] ?? tools.nodes.count - 1
            let effect = effects.places[pair.effect] ?? effects.nodes.count - 1
            var band = bands[[tool, effect]] ?? Band(tool: tool, effect: effect, sure: 0, unsure: 0)
            band.sure &+= sum.sure
            band.unsure &+= sum.unsure
            bands[[tool, effect]] = band
        }
        self.tools = tools.nodes
        self.effects = effects.nodes
        self.bands = bands.values.sorted { ($0.tool, $0.effect) < ($1.tool, $1.effect) }
    }

    /// What kind of effect, on what: paths folded.
    private static func classes(_ keys: [FactKey]) -> [FactKey: String] {
        var classes: [FactKey: String] = [:]
        for (type, keys) in Dictionary(grouping: keys, by: { $0[.type].text }) {
            guard ["file", "library", "process"].contains(type) else {
                for key in keys { classes[key] = "\(type) \(key[.what].text)" }
                continue
            }
            let items = keys.enumerated().map { PathFolding.Item($1[.what], index: $0, isShape: $1.isFolded) }
            for group in PathFolding(limit: patterns).fold(items) {
                let what = group.isFolded ? group.pattern.text : keys[group.members[0]][.what].text
                for member in group.members { classes[keys[member]] = "\(type) \(what)" }
            }
        }
        return classes
    }

    /// The sensitive ones and those with the highest counts, and where each has its place.
    private static func nodes(
        _ counts: [(name: String, count: UInt64)], _ sensitive: Set<String>, _ limit: Int
    ) -> (nodes: [Node], places: [String: Int]) {
        let sums = counts.reduce(into: [String: UInt64]()) { $0[$1.name, default: 0] &+= $1.count }
        let order = sums.sorted { one, other in
            let (mine, its) = (sensitive.contains(one.key) ? 0 : 1, sensitive.contains(other.key) ? 0 : 1)
            return (mine, other.value, one.key) < (its, one.value, other.key)
        }
        // One alone is not worth a name for others.
        let kept = order.count <= limit + 1 ? order.count : limit
        var nodes = order.prefix(kept).map { Node(name: $0.key, isSensitive: sensitive.contains($0.key)) }
        let places = nodes.enumerated().reduce(into: [String: Int]()) { $0[$1.element.name] = $1.offset }
        if order.count > kept { nodes.append(Node(name: "", others: order.count - kept)) }
        return (nodes, places)
    }
}
