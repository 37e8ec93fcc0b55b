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
        /// A subject that has not run here for so long is let go (ns); one whose name does not last, as that of a container off
        /// Kubernetes, after `passing`.
        package var absence: UInt64 = 30 * 86_400_000_000_000
        package var passing: UInt64 = 3_600_000_000_000
        package var credentials: CredentialPaths {
            get { profile.credentials }
            set { profile.credentials = newValue }
        }
        var profile = Profile.Limits()

        package init() {}
    }

    private var profiles: [SubjectKey: Profile] = [:]
    /// By their numbers; nil: it was let go.
    private var places: [(profile: Profile?, generation: UInt16)] = []
    private var freePlaces: [Int] = []
    /// Profiles that there have been.
    private var added: UInt64 = 0
    /// By the description, which does not change: most events are of few.
    private var latest: [ObjectIdentifier: (workload: WorkloadDescription, profile: Profile)] = [:]
    /// Those that are let go, until that is told.
    private var parting: [Profile] = []
    private let limits: Limits
    private let seed: UInt64
    /// What tells the writers of this daemon from those of others.
    private let stream: String
    private var turn: UInt64 = 0
    /// When it last ticked, and the time before that: whoever runs has been observed since then.
    private var tickedAt: UInt64 = 0
    private var observedAt: UInt64 = 0
    /// Pods in which another kernel has been started, by their UIDs.
    private var sandboxes: [String: String] = [:]
    private static let sandboxLimit = 4096
    /// There is nobody who could make room, until the next tick.
    private var isFull = false
    /// Facts and subjects that are not known are not learned: they are counted as those that there is no room for.
    var isClosed = false
    /// What the kernel side sees.
    var hooks = HookCoverage()
    /// The time of all that is noted.
    package private(set) var clock: SteadyClock
    /// Events of workloads that there was no room for.
    package private(set) var refused: UInt64 = 0
    /// Subjects that were let go.
    package private(set) var released: UInt64 = 0
    /// Those that are kept and that there was no room to restore: their shares stay where they are until there is.
    private var waiting: [SubjectKey: WaitingShare] = [:]
    /// Of these, those that did something or ran, and that there is room for by now.
    private var wanted: Set<SubjectKey> = []

    package init(limits: Limits = Limits(), seed: UInt64, stream: String = "", clock: ClockReading) {
        self.limits = limits
        self.seed = seed
        self.stream = stream
        self.clock = SteadyClock(clock)
    }

    package var count: Int { profiles.count }
    /// Subjects that are kept and were not restored yet, since there was no room.
    package var waitingCount: Int { waiting.count }
    package var factCount: Int { profiles.values.reduce(0) { $0 + $1.count } }
    /// How many there are of each state, as they were assessed last.
    package var convergence: [ConvergenceCount] {
        var counts: [ConvergenceCount] = []
        for discipline in Discipline.allCases {
            let states = Dictionary(grouping: profiles.values) { $0.convergence[discipline] }
            for state in Convergence.allCases.map(Optional.some) + [nil] {
                counts.append(
                    ConvergenceCount(discipline: discipline, state: state, subjects: states[state]?.count ?? 0))
            }
        }
        return counts
    }
    package var bytes: Int { profiles.values.reduce(0) { $0 + $1.bytes } }

    /// In the order of their subjects.
    package var all: [Profile] { profiles.values.sorted { $0.subject < $1.subject } }

    func profile(of subject: SubjectKey) -> Profile? { profiles[subject] }

    // MARK: Noting

    /// An event of a workload that is known.
    package mutating func note(_ event: Event) {
        var known = FactPlaces()
        note(event, &known)
    }

    /// - Parameter known: where what the same first sight said was noted the last time, and now.
    package mutating func note(_ event: Event, _ known: inout FactPlaces) {
        if event.isCopy { return }
        if let number = known.profile, event.toolCall == nil, let profile = profile(number),
            isSubject(of: event.workload, profile)
        {
            profile.countAgain(known, event.count, at: time(of: event))
            return
        }
        known = FactPlaces()
        var statements = event.statements(limits.credentials)
        var call: ToolCallDetail?
        if event.kind == .toolCallBegin, case .toolCall(let begun) = event.detail { call = begun }
        guard !statements.isEmpty || call != nil else { return }
        guard let profile = profile(of: event.workload) else {
            if event.workload.isAttributed { refused &+= event.count }
            return
        }
        if let call {
            statements = profile.follow(call, of: event.workload.container?.id ?? "", at: time(of: event))
                .map { Event.Statement(key: $0) }
            profile.exercise.note(call, at: time(of: event))
        }
        if case .context(let context) = event.detail { profile.exercise.note(context) }
        let deed = Profile.Deed(
            count: event.count, time: time(of: event), method: event.toolCall?.method,
            container: event.workload.container?.id ?? "",
            replica: Self.replica(of: event.workload), revision: event.workload.identity.revision,
            executable: event.process?.executable ?? "")
        if event.kind == .processExec,
            let other = event.process.flatMap({ OtherKernel.name(ofExecutable: $0.executable) })
        {
            profile.isBehind(other, deed.container, at: deed.time)
            // The sandbox is the pod's, in whichever container's cgroup it runs.
            if let pod = event.workload.identity.pod?.uid, sandboxes.count < Self.sandboxLimit {
                sandboxes[pod] = other
            }
        }
        let qualifiers = event.qualifiers
        var indices: [Int] = []
        for statement in statements {
            if let index = profile.note(statement, qualifiers, deed, learns: !isClosed) { indices.append(index) }
        }
        // What is different each time, or may be the next time, is looked for.
        guard event.toolCall == nil, call == nil, indices.count == statements.count else { return }
        if case .network = event.detail { return }
        known = FactPlaces(profile: profile.number, indices) ?? FactPlaces()
    }

    /// Whether that is known without looking for the subject.
    private func isSubject(of workload: WorkloadDescription, _ profile: Profile) -> Bool {
        if profile.workload === workload { return true }
        guard latest[ObjectIdentifier(workload)]?.profile === profile else { return false }
        profile.workload = workload
        return true
    }

    /// Of what was told after the fact it is the agent's own word when it was: history is made of when it was told.
    private func time(of event: Event) -> UInt64 {
        // Not to take what is no call's apart, which is most of all that is counted again.
        guard event.kind == .toolCallBegin || event.kind == .toolCallEnd, case .toolCall(let call) = event.detail,
            call.span != nil
        else { return clock.time(of: event) }
        return clock.now
    }

    /// What an agent says of what it has.
    ///
    /// - Parameter boot: boot clock, nanoseconds.
    package mutating func note(_ keys: [FactKey], of workload: WorkloadDescription, at boot: UInt64) {
        let time = clock.wall(boot)
        guard !keys.isEmpty else { return }
        guard let profile = profile(of: workload) else {
            if workload.isAttributed { refused &+= UInt64(keys.count) }
            return
        }
        let qualifiers = FactQualifiers(serviceAccount: workload.identity.serviceAccount)
        for key in keys {
            profile.note(
                Event.Statement(key: key), qualifiers,
                Profile.Deed(
                    time: time, container: workload.container?.id ?? "", replica: Self.replica(of: workload),
                    revision: workload.identity.revision), learns: !isClosed)
        }
    }

    /// What its sessions of that name call from now on follows nothing.
    mutating func endSession(_ session: String, of workload: WorkloadDescription) {
        profiles[SubjectKey(workload.identity)]?.sequences.end(session, of: workload.container?.id ?? "")
    }

    // MARK: Watching

    /// Before what is observed at a tick.
    package mutating func tick(_ reading: ClockReading) {
        // Who runs has been seen at the tick before, if not yet at this one.
        observedAt = tickedAt
        let before = clock.now
        clock.follow(reading)
        tickedAt = clock.now
        isFull = false
        guard clock.now < before else { return }
        // What was noted ahead of time is no reason to wait for it to come.
        observedAt = min(observedAt, clock.now)
        let isStep = before - clock.now > Self.hour
        for profile in profiles.values {
            profile.turnBack(to: clock.now, due: clock.now &+ Self.day)
            if isStep { profile.forgetWhatIsToCome(from: clock.now) }
        }
    }

    /// A workload ran and was watched.
    ///
    /// - Parameters:
    ///   - elapsed: since the tick before, nanoseconds of the boot clock.
    ///   - announcesCalls: before they begin, so that what is done for them is known.
    ///   - sendsSpans: it tells of calls after the fact.
    package mutating func observe(
        _ workload: WorkloadDescription, elapsed: UInt64, announcesCalls: Bool, sendsSpans: Bool = false
    ) {
        // A pod's own cgroup holds those of its containers, and as a rule no process: it is no subject before something is done in it.
        let isEnclosing = workload.identity.pod != nil && workload.container == nil
        if isEnclosing, profiles[SubjectKey(workload.identity)] == nil { return }
        guard let profile = profile(of: workload) else { return }
        let container = workload.container?.id ?? ""
        profile.observe(
            container, of: workload.identity.revision, at: clock.now, elapsed: elapsed,
            announcesCalls: announcesCalls, sendsSpans: sendsSpans)
        guard let pod = workload.identity.pod else { return }
        if let other = OtherKernel.name(ofRuntimeClass: pod.runtimeClass) ?? sandboxes[pod.uid] {
            profile.isBehind(other, container, at: clock.now)
        }
    }

    /// - Parameter workload: nil: nobody knows whose they were, so they may have been anybody's.
    mutating func lose(_ loss: LossLedger.Key, count: UInt64, of workload: WorkloadDescription?) {
        let now = clock.now
        guard let workload else {
            for profile in profiles.values { profile.lose(loss, count: count, of: "", at: now, isOwn: false) }
            return
        }
        profile(of: workload)?.lose(loss, count: count, of: workload.container?.id ?? "", at: now)
    }

    /// - Parameter workload: nil: it may have been anybody's.
    mutating func miss(_ operation: String, count: UInt64, of workload: WorkloadDescription?) {
        guard let workload else {
            for profile in profiles.values {
                profile.miss(operation, count: count, of: "", at: clock.now, isOwn: false)
            }
            return
        }
        profile(of: workload)?.miss(operation, count: count, of: workload.container?.id ?? "", at: clock.now)
    }

    /// Less was told of a workload from `time` on until now, since the sensor had too much to do.
    mutating func lower(_ why: String, of workload: WorkloadDescription, _ kinds: [EventKind], from time: UInt64) {
        profile(of: workload)?.lower(why, of: workload.container?.id ?? "", kinds, from: time, to: clock.now)
    }

    private static func replica(of workload: WorkloadDescription) -> ByteString {
        ByteString(workload.identity.pod?.name ?? workload.container?.id ?? "")
    }

    private mutating func profile(of workload: WorkloadDescription) -> Profile? {
        guard workload.isAttributed else { return nil }
        if let known = latest[ObjectIdentifier(workload)] { return known.profile }
        let subject = SubjectKey(workload.identity)
        if profiles[subject] == nil {
            guard !isClosed, profiles.count < limits.subjects || !isFull && releaseAbsent() else {
                isFull = true
                return nil
            }
            // Who begins anew now would write over what is known of it.
            guard waiting[subject] == nil else {
                wanted.insert(subject)
                return nil
            }
            add(Profile(subject, limits: limits.profile, seed: seed, writer: writer(of: subject)))
        }
        guard let profile = profiles[subject] else { return nil }
        if latest.count >= Self.latestLimit { latest = [:] }
        latest[ObjectIdentifier(workload)] = (workload, profile)
        return profile
    }

    private static let latestLimit = 2048

    private mutating func add(_ profile: Profile) {
        let place = freePlaces.popLast() ?? places.count
        if place == places.count { places.append((nil, 0)) }
        places[place].profile = profile
        (profile.dueAt, profile.keptUntil) = (clock.now &+ Self.hour, clock.now)
        profile.ordinal = added
        added += 1
        profile.number = ProfileNumber(place: UInt16(place), generation: places[place].generation)
        profiles[profile.subject] = profile
    }

    private func profile(_ number: ProfileNumber) -> Profile? {
        let entry = places[Int(number.place)]
        return entry.generation == number.generation ? entry.profile : nil
    }

    /// Different for each time that a subject comes, on whatever node.
    private func writer(of subject: SubjectKey) -> String {
        var bytes = Array(stream.utf8)
        for word in [subject.stableHash, clock.now, released] {
            withUnsafeBytes(of: word.littleEndian) { bytes += $0 }
        }
        return Hexadecimal.text(withUnsafeBytes(of: StableHash.of(bytes).bigEndian) { Array($0) })
    }

    // MARK: Letting go

    /// Makes room: of those that do not run, the one that was seen last longest ago goes; one whose name does not come again
    /// before one that lasts.
    private mutating func releaseAbsent() -> Bool {
        guard parting.count < Self.partingLimit,
            let oldest = profiles.values.filter({ $0.seenAt < observedAt })
                .min(by: { one, other in
                    let (isPassing, isOtherPassing) = (one.subject.isPassing, other.subject.isPassing)
                    if isPassing != isOtherPassing { return isPassing }
                    return (one.seenAt, one.ordinal) < (other.seenAt, other.ordinal)
                })
        else { return false }
        release(oldest)
        return true
    }

    private mutating func release(_ profile: Profile) {
        profiles[profile.subject] = nil
        let place = Int(profile.number.place)
        places[place] = (nil, places[place].generation &+ 1)
        freePlaces.append(place)
        latest = latest.filter { $0.value.profile !== profile }
        parting.append(profile)
        released &+= 1
    }

    /// Subjects that have not run for long, and those that had to make room: whatever there is to tell of them is told once more,
    /// and nothing of them is kept.
    package mutating func takeReleased() -> [Profile] {
        let now = clock.now
        let gone = profiles.values.filter { profile in
            let limit = profile.subject.isPassing ? limits.passing : limits.absence
            return profile.seenAt < observedAt && profile.seenAt &+ limit < now
        }
        for profile in gone.sorted(by: { $0.ordinal < $1.ordinal }).prefix(max(0, Self.partingLimit - parting.count)) {
            release(profile)
        }
        defer { parting = [] }
        return parting
    }

    private static let partingLimit = 8

    // MARK: Restoring

    /// What else is to be said of a share that was not restored yet.
    private struct WaitingShare {
        /// Since when what it did may be missing: wall clock, nanoseconds since 1970.
        var killedAfter: UInt64?
        var isDamaged: Bool
    }

    /// What was known before a restart. Before anything is noted. Where there is no room for all, those that were kept last come
    /// first, and the others wait.
    ///
    /// - Parameters:
    ///   - shares: each as one record or several, as they were kept.
    ///   - wasKilled: the sensor had no time to keep the last.
    ///   - keptUntil: until when it had kept everything, wall clock, nanoseconds since 1970; nil: nobody knows.
    ///   - damaged: subjects of which part was not to be had any more.
    mutating func restore(
        _ shares: [KeptShare], damaged: Set<SubjectKey>, wasKilled: Bool, keptUntil: UInt64? = nil
    ) {
        clock.start(after: shares.map(\.keptAt).max() ?? 0)
        func killedAfter(_ leastKeptAt: UInt64) -> UInt64? { wasKilled ? keptUntil ?? leastKeptAt : nil }
        for share in shares.sorted(by: { ($1.keptAt, $0.subject) < ($0.keptAt, $1.subject) }) {
            let state = WaitingShare(
                killedAfter: killedAfter(share.leastKeptAt), isDamaged: damaged.contains(share.subject))
            if profiles.count < limits.subjects { restore(share, state) } else { waiting[share.subject] = state }
        }
        for subject in damaged.sorted() where profiles[subject] == nil && waiting[subject] == nil {
            if profiles.count < limits.subjects {
                addDamaged(subject)
            } else {
                waiting[subject] = WaitingShare(killedAfter: nil, isDamaged: true)
            }
        }
    }

    /// One of which nothing else is known any more.
    private mutating func addDamaged(_ subject: SubjectKey) {
        let profile = Profile(subject, limits: limits.profile, seed: seed, writer: writer(of: subject))
        profile.restore(damagedAt: clock.now)
        add(profile)
    }

    @discardableResult
    private mutating func restore(_ share: KeptShare, _ state: WaitingShare) -> Profile {
        let profile = Profile(share.subject, limits: limits.profile, seed: seed, writer: share.writer)
        profile.restore(header: share.header, share.coverage, keptAt: share.keptAt)
        profile.restore(pages: share.pages, stale: share.stalePages, at: clock.now)
        if let time = state.killedAfter { profile.restore(killedAfter: time, startedAt: clock.now) }
        if state.isDamaged { profile.restore(damagedAt: clock.now) }
        add(profile)
        return profile
    }

    /// Subjects whose shares are to be read, since there is room for them by now.
    mutating func takeWanted() -> Set<SubjectKey> {
        defer { wanted = [] }
        return wanted
    }

    /// What was read of those that were wanted.
    ///
    /// - Parameter asked: of whom all was read that there is. Who has nothing any more begins anew, and says so if it was
    ///   damaged.
    mutating func restore(waiting shares: [KeptShare], asked: Set<SubjectKey>) {
        var left = asked
        for share in shares {
            left.remove(share.subject)
            guard let state = waiting[share.subject], profiles.count < limits.subjects else { continue }
            waiting[share.subject] = nil
            restore(share, state).restore(waitingSince: share.keptAt, until: clock.now)
        }
        for subject in left {
            guard let state = waiting[subject], !state.isDamaged || profiles.count < limits.subjects else { continue }
            waiting[subject] = nil
            if state.isDamaged { addDamaged(subject) }
        }
    }

    /// Nobody read what was told of those that are known for so long, and it has been read since.
    func restore(unattendedFrom time: UInt64, until now: UInt64) {
        for profile in profiles.values { profile.restore(unattendedFrom: time, until: now) }
    }

    // MARK: Keeping

    /// Pages of a subject, and whether what is known of it beside them is written down too.
    package struct Unkept {
        package var profile: Profile
        package var pages: [Int]
        package var hasHeader: Bool
    }

    /// What has changed since it was kept, of about so many facts together: pages with facts that are told now, then those of
    /// subjects that were kept longest ago.
    ///
    /// - Parameters:
    ///   - whole: of this one, which is told as a whole, everything.
    ///   - all: also what can wait.
    package mutating func takeUnkept(
        told: [(profile: Profile, facts: [Int])], whole: Profile? = nil, facts limit: Int, all: Bool = false
    ) -> [Unkept] {
        let needed = Dictionary(
            told.map { ($0.profile.subject, Set($0.facts.map { $0 / Profile.pageSize })) }, uniquingKeysWith: { $1 })
        var left = limit - needed.values.reduce(0) { $0 + $1.count * Profile.pageSize }
        let changed = profiles.values.filter {
            !$0.unkept.isEmpty || (all || $0 === whole) && $0.unkept.isHeaderStale
        }.sorted {
            ($0.keptTurn, $0.ordinal) < ($1.keptTurn, $1.ordinal)
        }
        defer { for profile in profiles.values where profile.unkept.isEmpty { profile.keptUntil = clock.now } }
        return changed.compactMap { profile in
            let needed = needed[profile.subject]
            let isWhole = profile === whole || profile.isMoved
            guard left > 0 || needed != nil || isWhole else { return nil }
            let pages = profile.unkept.pages.filter { page in
                if isWhole || needed?.contains(page) ?? false { return true }
                guard left > 0 else { return false }
                left -= profile.facts(of: page).count
                return true
            }
            let hasHeader = profile.unkept.hasHeader || (all || isWhole) && profile.unkept.isHeaderStale
            if hasHeader { left -= Profile.pageSize }
            profile.keep(pages: pages, header: hasHeader)
            if profile.unkept.isEmpty { profile.keptTurn = turn }
            return Unkept(profile: profile, pages: pages, hasHeader: hasHeader)
        }
    }

    /// Until when all that is known is kept, once what was taken is: wall clock, nanoseconds since 1970.
    package var keptUntil: UInt64 {
        profiles.values.reduce(clock.now) { $1.unkept.isEmpty ? $0 : min($0, $1.keptUntil) }
    }

    // MARK: Telling

    /// The subject that is to be told as a whole, if any is: each once a day, the first time an hour after it came.
    package mutating func takeDue() -> Profile? {
        let now = clock.now
        guard let due = profiles.values.min(by: { ($0.dueAt, $0.ordinal) < ($1.dueAt, $1.ordinal) }), due.dueAt <= now
        else { return nil }
        due.dueAt = now &+ Self.day
        return due
    }

    private static let hour: UInt64 = 3_600_000_000_000
    private static let day = 24 * hour

    /// What is new or has changed since it was told, by subject, on pages of about so many facts together.
    package mutating func takeChanged(limit: Int = .max) -> [(profile: Profile, facts: [Int])] {
        var left = limit
        // Who comes first is another each time.
        turn &+= 1
        let now = clock.now
        let changed = profiles.values.filter { $0.mayTell(at: now) }
        return changed.sorted { ($0.toldTurn, $0.ordinal) < ($1.toldTurn, $1.ordinal) }.compactMap { profile in
            guard left > 0 else { return nil }
            let facts = profile.takeChanged(at: now, refresh: limits.refresh, limit: left)
            let isNews = !facts.isEmpty || !profile.newOverflow.isEmpty || profile.coverage.hasNews
            guard isNews else { return nil }
            left -= max(Set(facts.map { $0 / Profile.pageSize }).count, 1) * Profile.pageSize
            profile.toldTurn = turn
            return (profile, facts)
        }
    }
}
