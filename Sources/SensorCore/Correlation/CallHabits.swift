// SPDX-License-Identifier: Apache-2.0

/// A kind of thing that is done, as coarse as it takes to be done again: what a subject did only within tool calls until now.
/// What agents do all the time, as reading files, is none.
struct DeedClass: Hashable {
    enum Kind: String {
        case exec = "exec of"
        case write = "a change of files"
        case egress = "egress to"
        case listen = "listening"
        case identity = "a change of identity:"
        case syscall = "the system call"
    }

    var kind: Kind
    /// A program, a peer, a name; empty where the kind alone says it.
    var object: String

    /// nil: it is of no kind that habits are made of.
    init?(_ kind: EventKind, _ detail: EventDetail, executable: ByteString?, errorNumber: Int32 = 0) {
        object = ""
        // Nothing has come of an attempt that failed.
        guard errorNumber == 0 else { return nil }
        switch kind {
        case .processExec:
            self.kind = .exec
            object = executable?.text ?? ""
        case .fileCreate, .fileDelete, .fileRename, .fileLink, .fileAttribute: self.kind = .write
        case .fileOpen:
            guard case .file(let file) = detail, file.access.contains(.write) else { return nil }
            self.kind = .write
        case .networkConnect, .networkSend:
            guard case .network(let network) = detail, let peer = network.peer else { return nil }
            self.kind = .egress
            // Not the port: a datagram's may be any.
            object = peer.path?.text ?? peer.names.first ?? peer.address?.description ?? ""
        case .networkListen: self.kind = .listen
        case .identityChange:
            self.kind = .identity
            object = detail.text(executable: nil)
        case .syscallNotable:
            self.kind = .syscall
            object = detail.text(executable: nil)
        case .processFork, .processExit, .processSeen, .cgroupCreated, .cgroupRemoved, .fileExecmap, .networkAccept,
            .networkClose, .syscallFirst, .dnsAnswer, .toolCallBegin, .toolCallEnd, .context, .decision, .anomalyState:
            return nil
        }
        if object.isEmpty, self.kind == .exec || self.kind == .egress { return nil }
    }

    var text: String { object.isEmpty ? kind.rawValue : "\(kind.rawValue) \(object)" }
}

/// What a subject does within tool calls and outside of them, and which of its tools cause anything. For the pipeline's
/// thread.
///
/// Nothing is called unusual before there is enough that it differs from.
final class CallHabits {
    struct Limits: Sendable {
        /// Calls that something must have been done in, or that must have caused something, and over how long (ns).
        var calls = 20
        var time: UInt64 = 600_000_000_000
        /// So long after it was done otherwise, what was no habit yet may become one (ns).
        var renewal: UInt64 = 3_600_000_000_000
        /// Kinds of deeds, and tools, that are told apart; of others nothing is said.
        var classes = 256
        var tools = 128

        init() {}
    }

    private struct Habit {
        var calls = 0
        var latest: UInt64 = 0
        /// Boot clock, ns.
        var since: UInt64
        /// When it was otherwise, the last time; nil: it never was, or long ago.
        var brokenAt: UInt64?
        /// How often it had become one, and was broken then.
        var breaks = 0
    }

    private let limits: Limits
    private var deeds: [DeedClass: Habit] = [:]
    private var tools: [String: Habit] = [:]
    /// Boot clock, ns.
    fileprivate(set) var usedAt: UInt64

    init(at time: UInt64, limits: Limits = Limits()) {
        usedAt = time
        self.limits = limits
    }

    /// Something was done within a call.
    func did(_ deed: DeedClass, within call: UInt64, at time: UInt64) {
        usedAt = max(usedAt, time)
        guard var habit = deeds[deed] ?? (deeds.count < limits.classes ? Habit(since: time) : nil) else { return }
        renew(&habit, at: time)
        // Once a call: what a single one does over and over is no habit.
        if habit.brokenAt == nil, habit.latest < call {
            habit.calls += 1
            habit.latest = call
        }
        deeds[deed] = habit
    }

    /// Something was done outside of calls.
    ///
    /// - Returns: in how many calls it was done until now, if it was done in calls only.
    func did(_ deed: DeedClass, at time: UInt64) -> Int? {
        guard var habit = deeds[deed] ?? (deeds.count < limits.classes ? Habit(since: time) : nil) else { return nil }
        defer { deeds[deed] = habit }
        return breaking(&habit, at: time)
    }

    /// Whether it was done in calls only, and in enough of them.
    func isHabit(_ deed: DeedClass, at time: UInt64) -> Bool { deeds[deed].map { isHabit($0, at: time) } ?? false }

    private func isHabit(_ habit: Habit, at time: UInt64) -> Bool {
        habit.brokenAt == nil && habit.calls >= limits.calls && time >= habit.since &+ limits.time
    }

    /// A call has ended well.
    ///
    /// - Returns: how many calls of the tool there were until now, if each of them caused something and this one nothing.
    func ended(_ tool: String, causedSomething: Bool, at time: UInt64) -> Int? {
        guard var habit = tools[tool] ?? (tools.count < limits.tools ? Habit(since: time) : nil) else { return nil }
        defer { tools[tool] = habit }
        renew(&habit, at: time)
        if causedSomething {
            if habit.brokenAt == nil { habit.calls += 1 }
            return nil
        }
        return breaking(&habit, at: time)
    }

    /// It was otherwise this time.
    ///
    /// - Returns: how many calls there were until now, if it was a habit.
    private func breaking(_ habit: inout Habit, at time: UInt64) -> Int? {
        let isHabit = isHabit(habit, at: time)
        habit.brokenAt = max(habit.brokenAt ?? 0, time)
        if isHabit { habit.breaks += 1 }
        return isHabit ? habit.calls : nil
    }

    /// What was not otherwise again for long enough may become a habit. Each time that it was one and was broken doubles that:
    /// what comes now and then is told ever less often.
    private func renew(_ habit: inout Habit, at time: UInt64) {
        guard let brokenAt = habit.brokenAt, time >= brokenAt &+ limits.renewal << UInt64(min(habit.breaks, 10)) else {
            return
        }
        habit = Habit(since: time, breaks: habit.breaks)
    }
}

/// The habits of all subjects that announce calls. For the pipeline's thread.
struct HabitTable: ~Copyable {
    /// What a workload goes by for good, as the contract has it.
    struct Subject: Hashable {
        private var words: [String]

        /// nil: it is not known (yet).
        init?(_ workload: WorkloadDescription) {
            guard workload.isAttributed else { return nil }
            let identity = workload.identity
            words = [
                identity.clusterID, identity.namespace, identity.group, identity.kind, identity.name,
                identity.container?.name ?? "", identity.container?.type ?? "",
            ]
        }
    }

    private let limit: Int
    private let limits: CallHabits.Limits
    /// How long it is known of a subject that does nothing within calls, ns.
    private let life: UInt64 = 7 * 86_400_000_000_000
    private var subjects: [Subject: CallHabits] = [:]
    /// The same by the number of a workload, since its name takes longer to look up. Forgotten as a whole when it is full.
    private var ofWorkloads: [UInt64: CallHabits] = [:]

    init(subjects limit: Int = 512, limits: CallHabits.Limits = CallHabits.Limits()) {
        self.limit = limit
        self.limits = limits
    }

    var count: Int { subjects.count }

    /// nil: there is no room for another subject, or it is not known whose they would be.
    ///
    /// - Parameter number: the workload's, which is never used for another.
    mutating func habits(of workload: WorkloadDescription, _ number: UInt64, at time: UInt64) -> CallHabits? {
        if let known = ofWorkloads[number] { return known }
        guard let subject = Subject(workload), let habits = subjects[subject] ?? new(subject, at: time) else {
            return nil
        }
        if ofWorkloads.count >= 8 * limit { ofWorkloads = [:] }
        ofWorkloads[number] = habits
        return habits
    }

    private mutating func new(_ subject: Subject, at time: UInt64) -> CallHabits? {
        guard subjects.count < limit else { return nil }
        let habits = CallHabits(at: time, limits: limits)
        subjects[subject] = habits
        return habits
    }

    /// Forgets subjects that have long done nothing.
    mutating func tick(at time: UInt64) {
        guard subjects.count >= limit / 2, time > life else { return }
        subjects = subjects.filter { $0.value.usedAt >= time - life }
        ofWorkloads = [:]
    }
}
