// SPDX-License-Identifier: Apache-2.0

/// The processes of the machine: who they are, what they were forked from.
///
/// Keyed by pid and start, so that a pid that comes back is another process. Ended processes stay a while for events
/// that come late, and as long as a living descendant has them as an ancestor.
package struct ProcessTable: ~Copyable {
    package struct Limits: Sendable {
        /// Living processes.
        package var live = 32768
        /// Ended ones that are kept for late events, and for how long (ns).
        package var ended = 4096
        package var endedLife: UInt64 = 30_000_000_000
        /// Ended ones that are kept only for their descendants.
        package var ancestors = 16384
        /// Steps from a process to the oldest ended ancestor that is kept for it.
        package var ancestorDepth = 32
        /// Threads whose identities are kept, of all processes.
        package var threads = 4096

        package init() {}
    }

    /// Processes that had to go though they may live, and lineages that were cut.
    package private(set) var evicted: UInt64 = 0
    package private(set) var shortened: UInt64 = 0
    package var count: Int { byKey.count }

    private let limits: Limits
    private let bootID: String
    private var byKey = IntegerTable<ProcessKey, TrackedProcess>()
    /// The latest process of each pid.
    private var byPid = IntegerTable<UInt32, TrackedProcess>()
    /// In the order of their ends.
    private var ended = KeyQueue()
    /// Processes of the table that have ended. `ended` may have more entries: of those that live after all, or are known by
    /// another key now.
    private var endedCount = 0
    private let population = TrackedProcess.Population()
    /// The one asked for last: events come in runs.
    private var latest: TrackedProcess?

    /// Wall clock minus boot clock, ns: what start times are shown with.
    package var wallOffset: Int64 = 0

    package init(bootID: String, limits: Limits = Limits()) {
        self.bootID = bootID
        self.limits = limits
    }

    // MARK: Finding

    /// The process that an event names; nil if it is not known. A start of 0 takes the latest process of that pid.
    package mutating func find(_ key: ProcessKey, at time: UInt64) -> TrackedProcess? {
        if let latest, latest.key == key {
            latest.usedAt = time
            return latest
        }
        guard let process = lookup(key) else { return nil }
        process.usedAt = time
        latest = process
        return process
    }

    private mutating func lookup(_ key: ProcessKey) -> TrackedProcess? {
        if let process = byKey[key] { return process }
        guard let process = byPid[key.tgid] else { return nil }
        if key.start == 0 { return process }
        guard process.isApproximate, Self.ticks(key.start) == Self.ticks(process.key.start) else { return nil }
        rename(process, to: key)
        return process
    }

    /// /proc counts a process's start in hundredths of a second.
    package static let clockTick: UInt64 = 10_000_000

    package static func ticks(_ start: UInt64) -> UInt64 { start / clockTick }

    // MARK: Learning

    /// A process that was forked at `time`. What is nil in `facts` is as `creator` has it, the process that called
    /// clone, but for the working directory, which may have changed since it was seen; nil if that is the parent. With CLONE_PARENT it is not: the child becomes its sibling.
    package mutating func fork(
        _ key: ProcessKey, parent: ProcessKey, creator: ProcessKey? = nil, facts: ProcessFacts, at time: UInt64
    ) -> TrackedProcess {
        if let known = byKey[key] {
            // Later facts were faster.
            if known.isSketch {
                expectExit(known)
                learn(known, facts, at: time, isExact: true)
            }
            return known
        }
        let ancestor = lookup(parent)
        var inherited = facts
        if let description = (creator.map { lookup($0) } ?? ancestor)?.description {
            inherited.executable = facts.executable ?? description.executable
            if facts.inode == 0 {
                inherited.device = description.executableDevice
                inherited.inode = description.executableInode
            }
            inherited.arguments = facts.arguments ?? description.arguments
            inherited.argumentsAreCut = description.argumentsAreCut
            inherited.script = facts.script ?? description.script
        }
        let process = insert(key, parent: parent, ancestor: ancestor, facts: inherited, at: time)
        // The root is inherited from the creator as well, and the parent's may be another.
        if creator != nil { process.rootChangedAt = max(time, 1) }
        let origin = creator.map { lookup($0) } ?? ancestor
        process.settledIn = origin?.settledIn ?? 0
        process.ranInMountsOfParent = origin?.ranInMountsOfParent ?? false
        return process
    }

    /// A process that exec made another program of.
    package mutating func exec(
        _ key: ProcessKey, parent: ProcessKey, facts: ProcessFacts, at time: UInt64
    ) -> TrackedProcess {
        guard let known = lookup(key) else {
            let process = insert(key, parent: parent, ancestor: lookup(parent), facts: facts, at: time)
            process.ranInMountsOfParent = Self.isInMountsOfParent(process)
            return process
        }
        known.description = describe(
            key, parentID: known.description.parentID,
            parentExecutable: known.parent?.description.executable ?? known.description.parentExecutable, facts: facts,
            workingDirectory: facts.workingDirectory ?? known.description.workingDirectory)
        if let identity = facts.identity {
            let leader = ThreadKey(tid: key.tgid, start: known.key.start)
            known.threads = known.threads?.afterExec(leader, as: identity, at: time)
            (known.identity, known.identityAt) = (identity, time)
        }
        known.ranInMountsOfParent = Self.isInMountsOfParent(known)
        known.knownAt = time
        known.isSketch = false
        expectExit(known)
        return known
    }

    private static func isInMountsOfParent(_ process: TrackedProcess) -> Bool {
        guard let mount = process.identity?.namespaces.mount, mount != 0 else { return false }
        return process.parent?.identity?.namespaces.mount == mount
    }

    /// A process that ran before the sensor, as it was at `time`. Fills in what is not known; newer knowledge stays.
    @discardableResult
    package mutating func seen(
        _ key: ProcessKey, parent: ProcessKey, facts: ProcessFacts, at time: UInt64, isApproximate: Bool = false,
        isSketch: Bool = false
    ) -> TrackedProcess {
        if let known = isApproximate ? byPid[key.tgid] : lookup(key),
            !isApproximate || Self.ticks(known.key.start) == Self.ticks(key.start)
        {
            learn(known, facts, at: time, isExact: !isApproximate && !isSketch)
            if known.parent == nil, known.description.parentID.isEmpty, parent.tgid != 0 {
                known.parent = lookup(parent)
                known.description = known.description.with(parentID: id(parent))
            }
            return known
        }
        let process = insert(key, parent: parent, ancestor: lookup(parent), facts: facts, at: time)
        process.isApproximate = isApproximate
        process.isSketch = isSketch
        if isApproximate || isSketch { process.identityAt = .max }
        return process
    }

    /// The process has ended. Unknown processes are none of the table's business.
    package mutating func exit(_ key: ProcessKey, at time: UInt64) -> TrackedProcess? {
        guard let process = find(key, at: time) else { return nil }
        end(process, at: time)
        return process
    }

    /// Who a thread of the process was before a step, as far as that is sure; nil: nothing is.
    ///
    /// - Parameter thread: nil: one of them, nobody knows which.
    package func identity(
        of process: TrackedProcess, thread: ThreadKey?, before step: IdentityStep
    ) -> IdentityState? {
        if let threads = process.threads { return threads.state(of: thread, before: step) }
        guard process.identityAt <= step.time, let identity = process.identity,
            step.fields.isSuperset(of: step.to.differences(from: identity))
        else { return nil }
        return identity
    }

    /// A thread of the process has become somebody else; the process's description shows that.
    ///
    /// - Parameter isRepeatable: it may do so again without being told of.
    package mutating func changeIdentity(
        of process: TrackedProcess, thread: ThreadKey, _ step: IdentityStep, isRepeatable: Bool = true
    ) {
        threads(of: process).note(thread, step, isRepeatable: isRepeatable, limit: limits.threads)
        if thread.tid == process.key.tgid, process.identityAt == .max || process.identityAt <= step.time {
            process.identity = step.to
        }
        process.knownAt = max(process.knownAt, step.time)
        let (uid, gid) = (step.to.user.effective, step.to.group.effective)
        if process.description.uid != uid || process.description.gid != gid {
            changeUser(of: process, uid: uid, gid: gid)
        }
    }

    /// One of the process's threads is not who its leader is, since nobody knows when.
    package mutating func seenThread(of process: TrackedProcess, as identity: IdentityState) {
        threads(of: process).noteUndated(identity)
    }

    private func threads(of process: TrackedProcess) -> ThreadIdentities {
        if let known = process.threads { return known }
        let initial = process.identityAt == .max ? nil : process.identity.map { ($0, process.identityAt) }
        let threads = ThreadIdentities(initial: initial, in: population)
        process.threads = threads
        return threads
    }

    /// The process acts as another user; that is all that is known of its new identity.
    package func changeUser(of process: TrackedProcess, uid: UInt32, gid: UInt32) {
        process.description = process.description.with(uid: uid, gid: gid)
    }

    /// Lets go of what ended long ago.
    package mutating func tick(at time: UInt64) {
        while let oldest = ended.first {
            guard ended.count > limits.ended || oldest.time &+ limits.endedLife <= time else { break }
            ended.removeFirst()
            if let process = byKey[oldest.key], process.endedAt == oldest.time { forget(process) }
        }
    }

    // MARK: Inside

    private mutating func learn(
        _ process: TrackedProcess, _ facts: ProcessFacts, at time: UInt64, isExact: Bool
    ) {
        let old = process.description
        if isExact, process.identityAt == .max, let identity = facts.identity {
            if let threads = process.threads {
                threads.initial = threads.initial ?? (identity, time)
            } else {
                (process.identity, process.identityAt) = (identity, time)
            }
        }
        if process.identity == nil { process.identity = facts.identity }
        let isMissing =
            (old.executable.isEmpty && facts.executable != nil) || (old.arguments.isEmpty && facts.arguments != nil)
            || (old.workingDirectory == nil && facts.workingDirectory != nil)
            || (old.uid == nil && facts.identity != nil)
        guard isMissing else { return }
        let takesExecutable = old.executable.isEmpty
        process.description = ProcessDescription(
            id: old.id, pid: old.pid, parentID: old.parentID, parentExecutable: old.parentExecutable,
            executable: takesExecutable ? facts.executable ?? "" : old.executable,
            executableDevice: takesExecutable ? facts.device : old.executableDevice,
            executableInode: takesExecutable ? facts.inode : old.executableInode,
            arguments: old.arguments.isEmpty ? facts.arguments ?? [] : old.arguments,
            argumentsAreCut: old.arguments.isEmpty ? facts.argumentsAreCut : old.argumentsAreCut,
            script: old.script ?? facts.script, workingDirectory: old.workingDirectory ?? facts.workingDirectory,
            uid: old.uid ?? facts.identity?.user.effective, gid: old.gid ?? facts.identity?.group.effective,
            startTime: old.startTime)
        process.isSketch = false
    }

    private mutating func insert(
        _ key: ProcessKey, parent: ProcessKey, ancestor: TrackedProcess?, facts: ProcessFacts, at time: UInt64
    ) -> TrackedProcess {
        if let former = byPid[key.tgid], former.key != key, !former.hasEnded, former.key.start < key.start {
            // Its exit was lost: two living processes cannot share a pid.
            end(former, at: time)
        }
        if byKey.count - endedCount >= limits.live { evictStale() }
        if ended.count > limits.ended { tick(at: time) }
        let parentID = ancestor?.description.id ?? (parent.tgid == 0 ? "" : id(parent))
        let process = TrackedProcess(
            key: key,
            description: describe(
                key, parentID: parentID, parentExecutable: ancestor?.description.executable ?? "", facts: facts),
            parent: bounded(ancestor), at: time, in: population)
        process.identity = facts.identity
        process.identityAt = facts.identity == nil ? .max : time
        byKey.set(key, to: process)
        if let former = byPid[key.tgid], former.key.start > key.start { return process }
        byPid.set(key.tgid, to: process)
        return process
    }

    private func describe(
        _ key: ProcessKey, parentID: String, parentExecutable: ByteString, facts: ProcessFacts,
        workingDirectory: ByteString? = nil
    ) -> ProcessDescription {
        ProcessDescription(
            id: id(key), pid: key.tgid, parentID: parentID, parentExecutable: parentExecutable,
            executable: facts.executable ?? "",
            executableDevice: facts.device, executableInode: facts.inode, arguments: facts.arguments ?? [],
            argumentsAreCut: facts.argumentsAreCut, script: facts.script,
            workingDirectory: workingDirectory ?? facts.workingDirectory, uid: facts.identity?.user.effective,
            gid: facts.identity?.group.effective,
            startTime: key.start == 0 ? 0 : UInt64(bitPattern: Int64(bitPattern: key.start) &+ wallOffset))
    }

    private func id(_ key: ProcessKey) -> String { "\(bootID)-\(key.tgid)-\(key.start)" }

    /// The ancestor itself, with what is too far above it let go: ended ones beyond the depth, or any if there are too
    /// many in all.
    private mutating func bounded(_ ancestor: TrackedProcess?) -> TrackedProcess? {
        let depth = population.count - byKey.count >= limits.ancestors ? 1 : limits.ancestorDepth
        var ended = 0
        var step = ancestor
        for _ in 0..<Self.chainLimit {
            guard let process = step else { break }
            ended += process.hasEnded ? 1 : 0
            if ended >= depth {
                if process.parent != nil {
                    process.parent = nil
                    shortened += 1
                }
                break
            }
            step = process.parent
        }
        return ancestor
    }

    /// Steps that are taken up a lineage at a fork.
    private static let chainLimit = 256

    private mutating func end(_ process: TrackedProcess, at time: UInt64) {
        guard !process.hasEnded else { return }
        process.endedAt = max(time, 1)
        (process.threads, process.identityAt) = (nil, .max)
        endedCount += 1
        ended.append(process.key, time: process.endedAt)
    }

    /// Where its beginning comes through, its end will: what only /proc had for ended lives until then.
    private mutating func expectExit(_ process: TrackedProcess) {
        guard process.hasEnded, !process.isExitTold else { return }
        process.endedAt = 0
        endedCount -= 1
    }

    private mutating func forget(_ process: TrackedProcess) {
        byKey.remove(process.key)
        if process.hasEnded { endedCount -= 1 }
        if byPid[process.key.tgid] === process { byPid.remove(process.key.tgid) }
        if latest === process { latest = nil }
    }

    private mutating func rename(_ process: TrackedProcess, to key: ProcessKey) {
        byKey.remove(process.key)
        process.key = key
        process.isApproximate = false
        let old = process.description
        process.description = ProcessDescription(
            id: id(key), pid: old.pid, parentID: old.parentID, parentExecutable: old.parentExecutable,
            executable: old.executable,
            executableDevice: old.executableDevice, executableInode: old.executableInode,
            arguments: old.arguments, argumentsAreCut: old.argumentsAreCut, script: old.script,
            workingDirectory: old.workingDirectory, uid: old.uid, gid: old.gid, startTime: old.startTime)
        byKey.set(key, to: process)
        if process.hasEnded { ended.append(key, time: process.endedAt) }
    }

    /// Makes room in one sweep: an eighth of the living, those without events for longest, since their exits may have
    /// been lost.
    private mutating func evictStale() {
        var living: [(usedAt: UInt64, key: ProcessKey)] = []
        byKey.forEach { key, process in
            if !process.hasEnded { living.append((process.usedAt, key)) }
        }
        living.sort { ($0.usedAt, $0.key.tgid, $0.key.start) < ($1.usedAt, $1.key.tgid, $1.key.start) }
        for (_, key) in living.prefix(max(1, living.count / 8)) {
            guard let process = byKey[key] else { continue }
            forget(process)
            evicted += 1
        }
    }
}

extension TrackedProcess {
    /// From its parent up, as far as it is known.
    package var ancestors: some Sequence<TrackedProcess> {
        sequence(state: parent) { next in
            defer { next = next?.parent }
            return next
        }
    }
}

extension ProcessDescription {
    fileprivate func with(parentID: String) -> ProcessDescription {
        ProcessDescription(
            id: id, pid: pid, parentID: parentID, parentExecutable: parentExecutable, executable: executable,
            executableDevice: executableDevice, executableInode: executableInode, arguments: arguments,
            argumentsAreCut: argumentsAreCut, script: script, workingDirectory: workingDirectory, uid: uid, gid: gid,
            startTime: startTime)
    }

    fileprivate func with(uid: UInt32, gid: UInt32) -> ProcessDescription {
        ProcessDescription(
            id: id, pid: pid, parentID: parentID, parentExecutable: parentExecutable, executable: executable,
            executableDevice: executableDevice, executableInode: executableInode, arguments: arguments,
            argumentsAreCut: argumentsAreCut, script: script, workingDirectory: workingDirectory, uid: uid, gid: gid,
            startTime: startTime)
    }
}

/// Keys with times, first in, first out.
private struct KeyQueue {
    private var items: [(key: ProcessKey, time: UInt64)] = []
    private var head = 0

    var count: Int { items.count - head }
    var first: (key: ProcessKey, time: UInt64)? { head < items.count ? items[head] : nil }

    mutating func append(_ key: ProcessKey, time: UInt64) { items.append((key, time)) }

    mutating func removeFirst() {
        head += 1
        if head >= 1024, head * 2 >= items.count {
            items.removeFirst(head)
            head = 0
        }
    }
}
