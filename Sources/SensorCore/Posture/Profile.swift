// SPDX-License-Identifier: Apache-2.0

/// This node's share of what one subject does. For the pipeline's thread only.
package final class Profile {
    struct Limits: Sendable {
        /// Facts of a subject, of kinds of which anybody can make as many as he likes: see `FactKind.limit`.
        var facts = 2000
        /// Sessions whose last tools are known.
        var sessions = 64
        /// Paths that are told by themselves, however many there are.
        var credentials = CredentialPaths()

        init() {}
    }

    /// Who did it, and for what.
    struct Deed {
        var count: UInt64 = 1
        /// Wall clock, nanoseconds since 1970.
        var time: UInt64
        var method: ToolCallReference.Method?
        /// Id of the container.
        var container = ""
        var replica: ByteString = ""
        /// The rollout that the replica is of.
        var revision = ""
        var executable: ByteString = ""
    }

    package let subject: SubjectKey
    /// Whose counts these are: they grow from nothing on, over restarts too. A subject that was let go and comes back has another.
    package let writer: String
    // What is counted again with each event is not checked for exclusive access each time, which would cost as much as counting:
    // nothing that changes it calls anything that could come back here.
    @exclusivity(unchecked) private(set) var facts: FactTable
    private(set) var names = SharedNames()
    private(set) var qualifiers = QualifierTable()
    private(set) var overflow: [FactKind: Overflow] = [:]
    /// When it does what, and with which tools.
    var exercise = Exercise()
    private var countOfKind: [FactKind: Int] = [:]
    /// Of the facts that stand for many, which ones they are, by index.
    private var folded: [Int: FoldedPaths] = [:]
    /// Facts of their own that fold together, by the hash of what to; nil: nobody needed to know yet.
    private var alike: [UInt64: Int]?
    private(set) var revisions = RevisionTable()
    /// What its sessions call one after the other.
    var sequences: ToolSequences
    private var lastContainer: String?
    /// Of the event before, mostly the same.
    private var lastReplica: (name: ByteString, number: UInt16) = ("", 0)
    private var lastProgram: (name: ByteString, number: UInt16) = ("", 0)
    /// Names that there was no room for since it was last made.
    private var unnamed = SharedNames.capacity / 2
    private let limits: Limits
    private(set) var coverage = CoverageBook()
    /// In which it was watched on this node, and did anything.
    private(set) var hours = ObservedTimes()
    @exclusivity(unchecked) private var untold = UntoldPages()
    /// When it last did something, or ran and was watched: wall clock, nanoseconds since 1970.
    @exclusivity(unchecked) private(set) var seenAt: UInt64 = 0
    /// Of `Fact.repeats`: most of what is counted again is not looked at before the hour is over. Wall clock, nanoseconds since
    /// 1970; empty: there are none.
    @exclusivity(unchecked) private var repeatedHour: Range<UInt64> = 0..<0
    /// What is not kept as it is now.
    @exclusivity(unchecked) private(set) var unkept = UnkeptPages()
    /// Of the table.
    var number = ProfileNumber(place: 0, generation: 0)
    /// Its facts are not where they were kept: all of them are to be written in one go.
    private(set) var isMoved = false
    /// Of the event before, mostly the same.
    @exclusivity(unchecked) var workload: WorkloadDescription?
    /// Of all that the table has had.
    var ordinal: UInt64 = 0
    /// When it was last told, and last kept, as turns of the table.
    var toldTurn: UInt64 = 0
    /// When it is told as a whole: wall clock, nanoseconds since 1970.
    var dueAt: UInt64 = 0
    /// As it was assessed last, by discipline; empty: it has not been by this run.
    var convergence: [Discipline: Convergence] = [:]
    var keptTurn: UInt64 = 0
    /// When all of it was kept, the last time that somebody looked, or it came: wall clock, nanoseconds since 1970.
    var keptUntil: UInt64 = 0

    init(_ subject: SubjectKey, limits: Limits = Limits(), seed: UInt64, writer: String = "") {
        self.subject = subject
        self.limits = limits
        self.writer = writer
        facts = FactTable(seed: seed)
        sequences = ToolSequences(limit: limits.sessions)
    }

    var count: Int { facts.count }

    /// Bytes of it, about.
    var bytes: Int {
        1024 + facts.bytes + names.bytes + exercise.bytes + revisions.bytes + qualifiers.bytes + overflow.count * 640
            + folded.count * 1024 + (alike?.capacity ?? 0) * 16
    }

    // MARK: Watching

    /// A container of it ran and was watched: see `CoverageBook.observe`.
    ///
    /// - Parameter revision: the rollout that it is of; empty: nobody knows.
    func observe(
        _ container: String, of revision: String = "", at now: UInt64, elapsed: UInt64, announcesCalls: Bool,
        sendsSpans: Bool = false
    ) {
        coverage.observe(
            container, at: now, elapsed: elapsed, announcesCalls: announcesCalls, sendsSpans: sendsSpans)
        seenAt = max(seenAt, now)
        // What it does not do tells as much of a rollout as what it does.
        if !revision.isEmpty { _ = place(of: revision, at: now) }
        let hour = Sightings.hour(of: now)
        guard !hours.observed.contains(hour) else { return }
        hours.observed.insert(hour)
        // To write all of it down each time would cost more than all else.
        unkept.hasHeader = true
    }

    /// What is done in a container is not done in this kernel.
    func isBehind(_ otherKernel: String, _ container: String, at now: UInt64) {
        let hour = Sightings.hour(of: now)
        let isKnown = coverage.isBehind(otherKernel, container, at: now)
        if isKnown, hours.lossy[.behavioral]?.contains(hour) ?? false { return }
        unkept.hasHeader = true
        hours.lose(in: hour)
    }

    /// - Parameters:
    ///   - loss: an event that is gone.
    ///   - isOwn: as `CoverageBook.lose` has it.
    func lose(_ loss: LossLedger.Key, count: UInt64, of container: String, at now: UInt64, isOwn: Bool = true) {
        coverage.lose(loss, count: count, of: container, at: now, isOwn: isOwn)
        unkept.hasHeader = true
        let disciplines = Discipline.allCases.filter { discipline in
            FactKind.allCases.contains { $0.discipline == discipline && $0.isFed(by: loss.kind) }
        }
        hours.lose(disciplines, in: Sightings.hour(of: now))
    }

    /// A tool was called.
    ///
    /// - Returns: the sequences that it makes with the session's calls before.
    func follow(_ call: ToolCallDetail, of container: String, at time: UInt64) -> [FactKey] {
        let before = sequences.cutOff
        let found = sequences.follow(call.name, in: call.session, of: container, at: time)
        if sequences.cutOff != before {
            coverage.cutOff(sequences.cutOff - before, at: time)
            unkept.hasHeader = true
        }
        return found
    }

    /// Something was done in a way that no event tells of.
    func miss(_ operation: String, count: UInt64, of container: String, at now: UInt64, isOwn: Bool = true) {
        coverage.miss(operation, count: count, of: container, at: now, isOwn: isOwn)
        unkept.hasHeader = true
        hours.lose(in: Sightings.hour(of: now))
    }

    /// Less was told of it, whether anything was lost for that or not.
    func lower(_ why: String, of container: String, _ kinds: [EventKind], from time: UInt64, to now: UInt64) {
        coverage.lower(why, of: container, kinds, from: time, to: now)
        unkept.hasHeader = true
        hours.lose(in: Sightings.hour(of: now))
    }

    // MARK: Noting

    /// - Parameter learns: false: there is room for nothing that is not known.
    /// - Returns: the fact's index; nil: there is no room for it.
    @discardableResult
    func note(
        _ statement: Event.Statement, _ qualifiers: FactQualifiers, _ deed: Deed, learns: Bool = true
    ) -> Int? {
        let hour = touch(at: deed.time)
        if lastContainer != deed.container {
            lastContainer = deed.container
            coverage.meet(deed.container, at: deed.time)
            hours.observed.insert(hour)
            unkept.hasHeader = true
        }
        guard let index = place(of: statement.key, self.qualifiers.number(of: qualifiers), deed, learns) else {
            var other = overflow[statement.key.kind] ?? Overflow(firstSeen: deed.time, lastSeen: deed.time)
            if !statement.isAfterword { other.count &+= deed.count }
            other.sent &+= statement.sent
            other.received &+= statement.received
            other.distinct.note(statement.key.bytes)
            other.extend(from: deed.time, to: deed.time)
            overflow[statement.key.kind] = other
            unkept.hasHeader = true
            return nil
        }
        change(index)
        let isNew = facts.facts[index].count == 0
        facts.facts[index].sent &+= statement.sent
        facts.facts[index].received &+= statement.received
        facts.facts[index].lastSeen = max(facts.facts[index].lastSeen, deed.time)
        if statement.isAfterword, !isNew { return index }
        count(index, deed)
        return index
    }

    private func change(_ index: Int) {
        unkept.insert(page: index / Self.pageSize)
        untold.insert(index / Self.pageSize)
    }

    /// What was noted of the same process before.
    func countAgain(_ places: FactPlaces, _ count: UInt64, at time: UInt64) {
        if !repeatedHour.contains(time) {
            settleRepeats()
            _ = touch(at: time)
            repeatedHour = Sightings.hour(around: time)
        }
        seenAt = max(seenAt, time)
        unkept.isHeaderStale = true
        places.forEach { index in
            change(index)
            guard !facts.countAgain(index, count, at: time) else { return }
            settleRepeats(of: index)
            add(count, to: index, at: time)
        }
    }

    /// What was counted again becomes part of all that is known. To be called before anybody reads what depends on it.
    package func settleRepeats() {
        guard !repeatedHour.isEmpty else { return }
        for index in facts.facts.indices { settleRepeats(of: index) }
        repeatedHour = 0..<0
    }

    /// The same, of one fact.
    func settleRepeats(of index: Int) {
        let count = UInt64(facts.facts[index].repeats)
        guard count > 0 else { return }
        facts.facts[index].repeats = 0
        add(count, to: index, hour: Sightings.hour(of: repeatedHour.lowerBound), at: facts.facts[index].lastSeen)
    }

    /// - Returns: the hour since 1970.
    private func touch(at time: UInt64) -> UInt32 {
        seenAt = max(seenAt, time)
        unkept.isHeaderStale = true
        let hour = Sightings.hour(of: time)
        if !hours.active.contains(hour) {
            hours.active.insert(hour)
            unkept.hasHeader = true
        }
        return hour
    }

    private func count(_ index: Int, _ deed: Deed) {
        if !deed.revision.isEmpty { facts.facts[index].revisions |= place(of: deed.revision, at: deed.time) }
        add(deed.count, to: index, at: deed.time)
        if let method = deed.method {
            let place = Fact.place(of: method)
            let (sum, isOver) = facts.facts[index].attributed[place].addingReportingOverflow(
                UInt32(clamping: deed.count))
            facts.facts[index].attributed[place] = isOver ? .max : sum
        }
        if lastReplica.name != deed.replica { lastReplica = (deed.replica, number(of: deed.replica)) }
        if lastProgram.name != deed.executable { lastProgram = (deed.executable, number(of: deed.executable)) }
        facts.facts[index].replicas.note(lastReplica.number) { names.hash($0) }
        facts.facts[index].processes.note(lastProgram.number) { names.hash($0) }
    }

    private func add(_ count: UInt64, to index: Int, at time: UInt64) {
        add(count, to: index, hour: Sightings.hour(of: time), at: time)
        facts.facts[index].firstSeen = min(facts.facts[index].firstSeen, time)
    }

    private func add(_ count: UInt64, to index: Int, hour: UInt32, at time: UInt64) {
        facts.addToHistory(count, of: index, hour: hour, at: time)
        exercise.note(facts.kind(at: index), count, hour: hour)
        facts.facts[index].count &+= count
        facts.facts[index].sightings.note(hour: hour)
    }

    private func place(of key: FactKey, _ qualifiers: UInt8?, _ deed: Deed, _ learns: Bool) -> Int? {
        guard let qualifiers else { return nil }
        if let known = facts.find(key, qualifiers) { return known }
        let (count, limit) = (countOfKind[key.kind, default: 0], key.kind.limit(of: limits.facts))
        guard count >= limit / 2, let path = key.foldingPath else {
            return learns && count < limit ? insert(key, qualifiers, deed) : nil
        }
        // Little room is left. What is like many others is told with them, so that nobody who makes up names hides what is new:
        // of the last of it half is kept for what folds with nothing, and half for what is folded.
        let folds = key.folds(limits.credentials)
        var found = folds.lazy.compactMap { self.facts.find($0, qualifiers) }.first
        let isFull = count >= limit - limit / 8
        if found == nil, learns, count < limit - limit / 16,
            let fold = folds.first(where: { countAlike($0, qualifiers) >= Self.ownFacts })
                ?? (isFull ? folds.last : nil)
        {
            found = insert(fold, qualifiers, deed)
        }
        if let found {
            folded[found, default: FoldedPaths()].note(path)
            return found
        }
        let isOrdinary = !folds.isEmpty || PathSensitivity(of: path, limits.credentials) == .ordinary
        guard learns, count < limit, !(isFull && isOrdinary) else { return nil }
        for fold in folds { alike?[Self.hash(fold, qualifiers), default: 0] += 1 }
        return insert(key, qualifiers, deed)
    }

    /// Of its facts of a kind.
    func indices(of kind: FactKind) -> [Int] {
        countOfKind[kind, default: 0] == 0 ? [] : (0..<count).filter { facts.kind(at: $0) == kind }
    }

    private func insert(_ key: FactKey, _ qualifiers: UInt8, _ deed: Deed) -> Int {
        countOfKind[key.kind, default: 0] += 1
        return facts.insert(key, qualifiers, Fact(firstSeen: deed.time))
    }

    /// Paths that fold together and have a fact of their own each, where half of the room is taken.
    static let ownFacts = 16

    private static func hash(_ key: FactKey, _ qualifiers: UInt8) -> UInt64 {
        StableHash.mixed(StableHash.of(key.bytes) ^ UInt64(key.kind.rawValue) << 8 ^ UInt64(qualifiers))
    }

    /// Facts of their own that fold to this.
    private func countAlike(_ fold: FactKey, _ qualifiers: UInt8) -> Int {
        if alike == nil {
            var known: [UInt64: Int] = [:]
            for index in 0..<count {
                let key = facts.key(at: index)
                for fold in key.isFolded ? [] : key.folds(limits.credentials) {
                    known[Self.hash(fold, facts.qualifiers(at: index)), default: 0] += 1
                }
            }
            alike = known
        }
        return alike?[Self.hash(fold, qualifiers)] ?? 0
    }

    /// nil: it stands for one path, or for nothing like it.
    func foldedPaths(of index: Int) -> FoldedPaths? { folded[index] }

    /// A bit of `Fact.revisions`.
    private func place(of revision: String, at time: UInt64) -> UInt16 {
        let place = revisions.note(revision, at: time)
        if place.isNews { unkept.hasHeader = true }
        if place.isReused { for index in facts.facts.indices { facts.facts[index].revisions &= ~place.bit } }
        return place.bit
    }

    private func number(of name: ByteString) -> UInt16 {
        let number = names.number(of: name)
        if number != 0 || name.isEmpty || !names.isFull { return number }
        // To look at all facts takes its time: not before as many new names have come again.
        unnamed += 1
        guard unnamed >= SharedNames.capacity / 2 else { return 0 }
        unnamed = 0
        var used: Set<UInt16> = []
        for fact in facts.facts {
            fact.replicas.forEach { used.insert($0) }
            fact.processes.forEach { used.insert($0) }
        }
        // Each pod has its name: those that no fact names any more make room.
        guard used.count < SharedNames.capacity / 2 else { return 0 }
        let moved = names.keep(used)
        for index in facts.facts.indices {
            facts.facts[index].replicas.map { moved[$0] ?? 0 }
            facts.facts[index].processes.map { moved[$0] ?? 0 }
        }
        (lastReplica, lastProgram) = (("", 0), ("", 0))
        return names.number(of: name)
    }

    // MARK: Restoring

    /// What was known before a restart, into a profile that knows nothing yet: first the header, then its pages in their order.
    ///
    /// - Parameter time: when the header was kept.
    func restore(header message: PostureProfile, _ coverage: [PostureCoverage], keptAt time: UInt64) {
        self.coverage.restore(coverage)
        seenAt = max(seenAt, time)
        hours = ObservedTimes(message)
        exercise = Exercise(message.exercise)
        for revision in message.revisions { revisions.restore(RevisionTable.Entry(revision)) }
        for message in message.facts {
            guard let identity = SharedFact.Identity(message), identity.isOverflow else { continue }
            var other = Overflow(
                firstSeen: message.firstSeen.nanosecondsSince1970, lastSeen: message.lastSeen.nanosecondsSince1970)
            other.count = message.count
            other.distinct.before = message.distinct
            (other.sent, other.received) = (message.bytesSent, message.bytesReceived)
            overflow[identity.key.kind] = other
        }
    }

    /// Where facts have other places than they were kept in, all is written anew, and coverage says why: a page is missing, or there
    /// is less room than when they were kept. What finds none is counted with all others of its kind.
    ///
    /// - Parameters:
    ///   - pages: by the number that each was kept under, in that order.
    ///   - stale: numbers of pages that are to be written anew or removed.
    func restore(pages: [(number: Int, facts: [PostureFact])], stale: [Int] = [], at now: UInt64 = 0) {
        for page in stale { unkept.insert(page: page) }
        var (kept, isDamaged) = (0, false)
        var folded: [FactKind: (facts: Int, count: UInt64)] = [:]
        for page in pages {
            if kept != page.number * Self.pageSize { isDamaged = true }
            kept += page.facts.count
            for message in page.facts {
                switch restore(message) {
                case .kept: break
                case .damaged: isDamaged = true
                case .withoutRoom(let kind):
                    fold(message, kind)
                    folded[kind, default: (0, 0)].facts += 1
                    folded[kind, default: (0, 0)].count &+= message.count
                }
            }
        }
        guard isDamaged || !folded.isEmpty else { return }
        isMoved = true
        unkept.hasHeader = true
        if isDamaged { restore(damagedAt: now) }
        for (kind, what) in folded.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            coverage.fold(what.facts, of: kind, count: what.count, at: now)
        }
        for page in 0..<max(pageCount, (pages.last?.number ?? 0) + 1) { unkept.insert(page: page) }
    }

    /// What became of a fact that was kept.
    private enum Restored {
        case kept
        /// It is nothing that this version has written, or stands there twice.
        case damaged
        case withoutRoom(FactKind)
    }

    private func restore(_ message: PostureFact) -> Restored {
        guard let identity = SharedFact.Identity(message), !identity.isOverflow else { return .damaged }
        var fact = Fact(message)
        let (before, key) = (count, identity.key)
        guard let qualifiers = qualifiers.number(of: identity.qualifiers),
            let index = facts.find(key, qualifiers) ?? restore(key, qualifiers, fact)
        else { return .withoutRoom(key.kind) }
        // The same fact twice, after damage: the larger one has counted on from the other.
        guard count > before || facts.facts[index].count <= fact.count else { return .damaged }
        for name in message.replicas { fact.replicas.note(number(of: ByteString(name))) { names.hash($0) } }
        for name in message.processes { fact.processes.note(number(of: ByteString(name))) { names.hash($0) } }
        for name in message.revisions { fact.revisions |= revisions.bit(of: name) }
        if let history = FactHistory(message) { fact.historyPlace = facts.keep(history) }
        facts.facts[index] = fact
        if key.isFolded { folded[index] = FoldedPaths(message) }
        // What was kept before it could be told.
        if message.untold { untold.insert(index / Self.pageSize) }
        return count > before ? .kept : .damaged
    }

    /// - Returns: its index; nil: there is no room for it.
    private func restore(_ key: FactKey, _ qualifiers: UInt8, _ fact: Fact) -> Int? {
        guard countOfKind[key.kind, default: 0] < key.kind.limit(of: limits.facts) else { return nil }
        return insert(key, qualifiers, Deed(time: fact.firstSeen))
    }

    /// It had a place of its own until now, so it was none of those without one.
    private func fold(_ message: PostureFact, _ kind: FactKind) {
        let (first, last) = (message.firstSeen.nanosecondsSince1970, message.lastSeen.nanosecondsSince1970)
        var other = overflow[kind] ?? Overflow(firstSeen: first, lastSeen: last)
        other.count &+= message.count
        other.sent &+= message.bytesSent
        other.received &+= message.bytesReceived
        other.distinct.before &+= 1
        other.extend(from: first, to: last)
        overflow[kind] = other
    }

    /// The sensor was killed after `time`: what was counted since it last kept anything is in no count.
    func restore(killedAfter time: UInt64, startedAt now: UInt64) {
        coverage.restart(from: time, to: now)
        // What was seen in the hours since then may be on no page, though it is known that it was watched.
        let first = Sightings.hour(of: time)
        for hour in first...max(first, min(Sightings.hour(of: seenAt), first + 24 * UInt32(HourSet.span))) {
            hours.lose(in: hour)
        }
        unkept.hasHeader = true
    }

    /// From `time` on there was no room for it: whatever it did until now, when it runs, is in no count.
    func restore(waitingSince time: UInt64, until now: UInt64) {
        seenAt = max(seenAt, now)
        coverage.wait(from: time, to: now)
        hours.lose(in: Sightings.hour(of: now))
        unkept.hasHeader = true
    }

    func restore(unattendedFrom time: UInt64, until now: UInt64) {
        coverage.goUnattended(from: time, to: now)
        unkept.hasHeader = true
    }

    func restore(damagedAt now: UInt64) {
        seenAt = max(seenAt, now)
        coverage.damage(at: now)
        unkept.hasHeader = true
    }

    // MARK: Telling

    /// Whether there may be anything to tell by then.
    func mayTell(at time: UInt64) -> Bool {
        untold.hasPages(at: time) || overflow.values.contains { $0.isNews } || coverage.hasNews
    }

    /// Something is missing that was not before, though no fact may have changed: whoever holds it to be complete is to know. It
    /// is told then.
    func takeCoverageNews() -> Bool { coverage.takeNews() }

    /// Facts that are new or have changed enough since they were told, as far as the pages that they are on have no more facts
    /// than `limit`; the others come the next time.
    ///
    /// - Parameter time: wall clock, nanoseconds since 1970.
    func takeChanged(at time: UInt64, refresh: UInt64, limit: Int = .max) -> [Int] {
        var changed: [Int] = []
        var size = 0
        for page in untold.pages(at: time) {
            let indices = facts(of: page)
            let due = indices.filter { facts.facts[$0].isDue(at: time, refresh: refresh) }
            if !due.isEmpty {
                guard size + indices.count <= limit || limit > 0 && changed.isEmpty else { break }
                size += indices.count
            }
            for index in due { facts.facts[index].tell(at: time) }
            untold.settle(
                page, dueAt: indices.lazy.compactMap { self.facts.facts[$0].waits(refresh: refresh) }.min())
            changed += due
        }
        return changed
    }

    /// Kinds of which there was no room for more, where that has changed enough since it was told.
    var newOverflow: [FactKind] {
        overflow.filter { $0.value.isNews }.keys.sorted { $0.rawValue < $1.rawValue }
    }

    /// The same, which is told then.
    func takeOverflow() -> [FactKind] {
        let kinds = newOverflow
        for kind in kinds { overflow[kind]?.tell() }
        return kinds
    }

    /// The clock was ahead.
    func turnBack(to now: UInt64, due: UInt64) {
        seenAt = min(seenAt, now)
        keptUntil = min(keptUntil, now)
        dueAt = min(dueAt, due)
        untold.turnBack()
    }

    /// The same, by so much that what was noted meanwhile would keep the days that come now out of all histories.
    func forgetWhatIsToCome(from now: UInt64) {
        settleRepeats()
        let hour = Sightings.hour(of: now)
        coverage.turnBack(to: now)
        hours.remove(after: hour)
        exercise.turnBack(to: hour)
        revisions.turnBack(to: now)
        for index in facts.facts.indices {
            facts.facts[index].firstSeen = min(facts.facts[index].firstSeen, now)
            facts.facts[index].lastSeen = min(facts.facts[index].lastSeen, now)
            facts.facts[index].sightings.remove(after: hour)
            unkept.insert(page: index / Self.pageSize)
        }
        facts.turnHistoriesBack(to: hour)
        for kind in overflow.keys { overflow[kind]?.turnBack(to: now) }
        unkept.hasHeader = true
    }

    // MARK: Keeping

    /// Facts that are kept together: what has changed is written down a page at a time.
    static let pageSize = 32

    var pageCount: Int { (count + Self.pageSize - 1) / Self.pageSize }

    /// Indices of a page's facts.
    package func facts(of page: Int) -> Range<Int> {
        min(page * Self.pageSize, count)..<min((page + 1) * Self.pageSize, count)
    }

    /// They are being written down.
    func keep(pages: some Sequence<Int>, header: Bool) {
        for page in pages { unkept.remove(page: page) }
        isMoved = false
        if header { (unkept.hasHeader, unkept.isHeaderStale) = (false, false) }
    }
}
