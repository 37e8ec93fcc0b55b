// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// For which tools' calls each fact was so: what the facts of effects say, seen from the other side.
struct FactTools {
    /// Of one fact.
    static let limit = 32

    private var counts: [SharedFact.Identity: [PostureToolCount]] = [:]

    /// - Parameter effects: all that are known of a subject; what else is among them is passed over.
    init(_ effects: some Sequence<PostureFact>) {
        for effect in effects where effect.kind == FactKind.effect.name && !effect.overflow {
            guard var identity = SharedFact.Identity(effect), let tool = effect.key.tools.first else { continue }
            identity.key = identity.key.withoutTool
            counts[identity, default: []].append(
                PostureToolCount.with { ($0.name, $0.count) = (tool, effect.count) })
        }
    }

    /// The fact, with those that are known of it: the one first for which it was so most often.
    func adding(to fact: PostureFact) -> PostureFact {
        guard !counts.isEmpty, let identity = SharedFact.Identity(fact), !identity.isOverflow,
            identity.key.kind != .effect
        else { return fact }
        let effect = SharedFact.Identity(key: identity.key.effect(of: ""), qualifiers: identity.qualifiers)
        guard let found = counts[effect] else { return fact }
        var fact = fact
        fact.tools = Array(found.sorted { ($1.count, $0.name) < ($0.count, $1.name) }.prefix(Self.limit))
        return fact
    }
}

extension [PostureFact] {
    /// Each with the tools for whose calls it was so, as far as others of these say.
    func addingTools() -> [PostureFact] {
        let tools = FactTools(self)
        return map(tools.adding(to:))
    }
}

extension FactKey {
    /// Of an effect: whoever's it was.
    fileprivate var withoutTool: FactKey {
        let rest = values.dropFirst().prefix(kind.fields.count - 1)
        // That of an earlier version has fewer.
        return FactKey(kind, [""] + rest + Array(repeating: "", count: kind.fields.count - 1 - rest.count))
    }
}
