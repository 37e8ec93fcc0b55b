// SPDX-License-Identifier: Apache-2.0

/// When one writer's subject does what, with which tools, for whom and on what grounds: what an `ExerciseAnalysis` is made of,
/// beside the facts themselves.
///
/// Merging, of the same writer, is a join by maximum.
package struct Exercise: Sendable, Equatable {
    /// By kind of facts.
    package private(set) var hours: [FactKind: HourOfWeek] = [:]
    /// Calls by tool.
    package private(set) var tools = ExerciseMix()
    /// Of a tool: calls by the kind of who asked, empty: nobody said.
    package private(set) var initiators: [String: ExerciseMix] = [:]
    /// Of a tool: calls by the kind of source that was in their context.
    package private(set) var sources: [String: ExerciseMix] = [:]
    /// Kinds of the sources of the latest contexts, by session and id, the earliest first. Not kept.
    private var contexts: [(session: String, id: String, kinds: Set<String>)] = []

    private static let contextLimit = 64

    package init() {}

    package var isEmpty: Bool { hours.isEmpty && tools.isEmpty }

    /// Bytes of it, about.
    package var bytes: Int {
        let mixes = [tools] + initiators.values + sources.values
        return hours.count * 2 * HourOfWeek.cells * 4 + mixes.reduce(0) { $0 + $1.bytes } + contexts.count * 128
    }

    /// - Parameter hour: UTC, since 1970.
    mutating func note(_ kind: FactKind, _ count: UInt64, hour: UInt32) {
        hours[kind, default: HourOfWeek()].note(count, hour: hour)
    }

    /// It is this UTC hour since 1970, not as late as it was noted to be.
    mutating func turnBack(to hour: UInt32) {
        for kind in hours.keys { hours[kind]?.turnBack(to: hour) }
        tools.turnBack(to: hour)
        for name in initiators.keys { initiators[name]?.turnBack(to: hour) }
        for name in sources.keys { sources[name]?.turnBack(to: hour) }
    }

    mutating func note(_ context: ContextDetail) {
        contexts.removeAll { $0.session == context.session && $0.id == context.id }
        if contexts.count >= Self.contextLimit { contexts.removeFirst() }
        contexts.append((context.session, context.id, Set(context.sources.map(\.kind))))
    }

    /// A call that begins.
    ///
    /// - Parameter time: wall clock, nanoseconds since 1970.
    mutating func note(_ call: ToolCallDetail, at time: UInt64) {
        let hour = Sightings.hour(of: time)
        let random = StableHash.mixed(time)
        tools.add(1, of: call.name, hour: hour, random: random)
        // Of tools that have no count of their own neither has this.
        guard tools.categories[call.name] != nil else { return }
        initiators[call.name, default: ExerciseMix()].add(1, of: call.initiator?.kind ?? "", hour: hour, random: random)
        let id = call.claims.context
        guard let context = contexts.last(where: { $0.session == call.session && $0.id == id }) else { return }
        for kind in context.kinds {
            sources[call.name, default: ExerciseMix()].add(1, of: kind, hour: hour, random: random)
        }
    }

    package mutating func merge(with other: Exercise) {
        hours.merge(other.hours) { one, other in Self.joined(one, other) { $0.merge(with: $1) } }
        tools.merge(with: other.tools)
        let join = { (one: ExerciseMix, other: ExerciseMix) in Self.joined(one, other) { $0.merge(with: $1) } }
        initiators.merge(other.initiators, uniquingKeysWith: join)
        sources.merge(other.sources, uniquingKeysWith: join)
    }

    private static func joined<Value>(_ one: Value, _ other: Value, _ merge: (inout Value, Value) -> Void) -> Value {
        var one = one
        merge(&one, other)
        return one
    }

    package static func == (one: Self, other: Self) -> Bool {
        one.hours == other.hours && one.tools == other.tools && one.initiators == other.initiators
            && one.sources == other.sources
    }
}

extension Exercise {
    /// As it was stored.
    init(
        hours: [FactKind: HourOfWeek], tools: ExerciseMix, initiators: [String: ExerciseMix],
        sources: [String: ExerciseMix]
    ) {
        (self.hours, self.tools, self.initiators, self.sources) = (hours, tools, initiators, sources)
    }
}
