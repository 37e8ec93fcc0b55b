// SPDX-License-Identifier: Apache-2.0

/// What all workloads of this node do. For the pipeline's thread.
package struct ProfileTable: ~Copyable {
    package struct Limits: Sendable {
        package var subjects = 1024
        /// Of each subject.
        package var facts: Int {
            get { profile.facts }
            set { profile.facts = newValue }
        }
        /// What was said of it is told again this long after, if it has changed by less than double (ns).
        package var refresh: UInt64 = 3_600_000_000_000
        package var credentials = CredentialPaths()
        var profile = Profile.Limits()

        package init() {}
    }

    private var profiles: [SubjectKey: Profile] = [:]
    /// By the description, which does not change: most events are of few.
    private var latest: [ObjectIdentifier: (workload: WorkloadDescription, profile: Profile)] = [:]
    private let limits: Limits
    private let seed: UInt64
    private var keeps: UInt64 = 0
    private var turn: UInt64 = 0
    /// Events of workloads that there was no room for.
    package private(set) var refused: UInt64 = 0

    package init(limits: Limits = Limits(), seed: UInt64) {
        self.limits = limits
        self.seed = seed
    }

    package var count: Int { profiles.count }
    package var factCount: Int { profiles.values.reduce(0) { $0 + $1.count } }
    package var bytes: Int { profiles.values.reduce(0) { $0 + $1.bytes } }

    /// In the order of their subjects.
    var all: [Profile] { profiles.values.sorted { $0.subject < $1.subject } }

    func profile(of subject: SubjectKey) -> Profile? { profiles[subject] }

    // MARK: Noting

    /// An event of a workload that is known.
    package mutating func note(_ event: Event) {
        if event.isCopy { return }
        var statements = event.statements(limits.credentials)
        var call: ToolCallDetail?
        if event.kind == .toolCallBegin, case .toolCall(let begun) = event.detail { call = begun }
        guard !statements.isEmpty || call != nil, let profile = profile(of: event.workload) else { return }
        if let call { statements = profile.follow(call.name, in: call.session).map { Event.Statement(key: $0) } }
        let deed = Profile.Deed(
            count: event.count, time: event.time, method: event.toolCall?.method,
            container: event.workload.container?.id ?? "",
            replica: Self.replica(of: event.workload), executable: event.process?.executable ?? "")
        let qualifiers = event.qualifiers
        for statement in statements { profile.note(statement, qualifiers, deed) }
    }

    /// What an agent says of what it has.
    package mutating func note(_ keys: [FactKey], of workload: WorkloadDescription, at time: UInt64) {
        guard !keys.isEmpty, let profile = profile(of: workload) else { return }
        let qualifiers = FactQualifiers(serviceAccount: workload.identity.serviceAccount)
        for key in keys {
            profile.note(
                Event.Statement(key: key), qualifiers,
                Profile.Deed(
                    time: time, container: workload.container?.id ?? "", replica: Self.replica(of: workload)))
        }
    }

    // MARK: Watching

    /// A workload ran and was watched.
    ///
    /// - Parameters:
    ///   - now: wall clock, nanoseconds since 1970.
    ///   - elapsed: since the tick before, nanoseconds of the boot clock.
    mutating func observe(_ workload: WorkloadDescription, at now: UInt64, elapsed: UInt64, announcesCalls: Bool) {
        profile(of: workload)?.observe(
            workload.container?.id ?? "", at: now, elapsed: elapsed, announcesCalls: announcesCalls)
    }

    /// - Parameter workload: nil: nobody knows whose they were, so they may have been anybody's.
    mutating func lose(_ loss: LossLedger.Key, count: UInt64, of workload: WorkloadDescription?, at now: UInt64) {
        guard let workload else {
            for profile in profiles.values { profile.lose(loss, count: count, of: "", at: now) }
            return
        }
        profile(of: workload)?.lose(loss, count: count, of: workload.container?.id ?? "", at: now)
    }

    mutating func miss(_ operation: String, count: UInt64, of workload: WorkloadDescription, at now: UInt64) {
        profile(of: workload)?.miss(operation, count: count, of: workload.container?.id ?? "", at: now)
    }

    private static func replica(of workload: WorkloadDescription) -> ByteString {
        ByteString(workload.identity.pod?.name ?? workload.container?.id ?? "")
    }

    private mutating func profile(of workload: WorkloadDescription) -> Profile? {
        guard workload.isAttributed else { return nil }
        if let known = latest[ObjectIdentifier(workload)] { return known.profile }
        let subject = SubjectKey(workload.identity)
        var profile = profiles[subject]
        if profile == nil {
            guard profiles.count < limits.subjects else {
                refused &+= 1
                return nil
            }
            profile = Profile(subject, limits: limits.profile, seed: seed)
            profiles[subject] = profile
        }
        guard let profile else { return nil }
        if latest.count >= Self.latestLimit { latest = [:] }
        latest[ObjectIdentifier(workload)] = (workload, profile)
        return profile
    }

    private static let latestLimit = 2048

    // MARK: Keeping

    /// What was known before a restart. Before anything is noted.
    mutating func restore(_ subject: SubjectKey, _ message: PostureProfile, _ coverage: [PostureCoverage]) {
        guard profiles.count < limits.subjects, profiles[subject] == nil else { return }
        let profile = Profile(subject, limits: limits.profile, seed: seed)
        profile.restore(message, coverage)
        profiles[subject] = profile
    }

    /// Profiles that have changed since they were kept, of about so many facts together: those with new facts first, then those
    /// that were kept longest ago.
    package mutating func takeDirty(new: Set<SubjectKey>, facts limit: Int) -> [Profile] {
        let dirty = profiles.values.filter(\.isDirty).sorted {
            (new.contains($0.subject) ? 0 : 1, $0.keptAt, $0.subject) < (
                new.contains($1.subject) ? 0 : 1, $1.keptAt, $1.subject
            )
        }
        keeps += 1
        var count = 0
        return dirty.prefix { profile in
            defer { count += profile.count + 20 }
            guard count < limit else { return false }
            profile.isDirty = false
            profile.keptAt = keeps
            return true
        }
    }

    // MARK: Telling

    /// What is new or has changed since it was told, by subject.
    ///
    /// - Parameter time: wall clock, nanoseconds since 1970.
    package mutating func takeChanged(at time: UInt64, limit: Int = .max) -> [(profile: Profile, facts: [Int])] {
        var left = limit
        // Who comes first is another each time.
        turn &+= 1
        return profiles.values.sorted { ($0.turn, $0.subject) < ($1.turn, $1.subject) }.compactMap { profile in
            guard left > 0 else { return nil }
            let facts = profile.takeChanged(at: time, refresh: limits.refresh, limit: left)
            left -= facts.count
            if !facts.isEmpty { profile.turn = turn }
            return facts.isEmpty && profile.newOverflow.isEmpty ? nil : (profile, facts)
        }
    }
}
