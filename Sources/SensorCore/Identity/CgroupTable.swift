// SPDX-License-Identifier: Apache-2.0

/// From a cgroup's id in the tracked hierarchy to the workload that owns it.
///
/// Ids of other hierarchies overlap with these: they are never to be asked for. A cgroup that was removed stays known
/// for a while, since events and counts of it come late.
package struct CgroupTable: ~Copyable {
    package struct Limits: Sendable {
        package var live = 16384
        package var removed = 2048
        /// Ids that nobody could name, so that they are not looked for again with each event.
        package var unknown = 1024
        /// How long removed ones stay known, ns, as long as there is room.
        package var removedLife: UInt64 = 600_000_000_000
        /// Pods that are gone from the API server and stay known for what comes late.
        package var gonePods = 1024

        package init() {}
    }

    /// Cgroups that had to go though they may be in use.
    package private(set) var evicted: UInt64 = 0

    struct Unknown {
        var workload: Workload
        /// How often it was looked for since the tick: the process that was asked about may just have gone.
        var looks = 1
        var tick: UInt64
    }

    private static let lookLimit = 4

    struct Entry {
        var path: ByteString
        var workload: Workload
        /// Boot clock, ns.
        var removedAt: UInt64 = 0
    }

    private let host: any HostView
    private let limits: Limits
    /// Which trees of pods are believed; of cgroups that are learnt from now on.
    package var trees = PodTrees(own: nil)
    private(set) var resolver: WorkloadResolver
    private var live: RecencyTable<UInt64, Entry>
    private var removed: RecencyTable<UInt64, Entry>
    private var unknown: RecencyTable<UInt64, Unknown>
    /// By the cgroup that the owner begins at: whoever has it now.
    private(set) var owners: [ByteString: Workload] = [:]
    /// What a pod owns, by what cgroup paths call the pod.
    private var ownedByPod: [String: [Workload]] = [:]
    /// Cgroups of a scan that could not be read: what is below them is not known.
    package private(set) var unread: UInt64 = 0
    private var nextNumber: UInt64 = 1
    private var latest: (id: UInt64, workload: Workload)?
    private var ticks: UInt64 = 0
    /// Who has most of the cgroups that live, looked at only while one has to go.
    private var largest: Workload?
    var selector = WorkloadSelector()
    var watchChanges: [WatchChange] = []
    var detailChanges: [DetailChange] = []
    var streamed: [WorkloadFilter] = []
    var streamChanges: [StreamChange] = []

    package init(
        host: any HostView, limits: Limits = Limits(), node: String = "", trustDomain: String = "",
        map: WorkloadMap = WorkloadMap()
    ) {
        self.host = host
        self.limits = limits
        resolver = WorkloadResolver(node: node, trustDomain: trustDomain, map: map, gonePods: limits.gonePods)
        live = RecencyTable(capacity: limits.live)
        removed = RecencyTable(capacity: limits.removed)
        unknown = RecencyTable(capacity: limits.unknown)
    }

    /// The workload of a cgroup. One that is not known is looked for once, through the process that the event names.
    package mutating func workload(of id: UInt64, pid: UInt32) -> Workload {
        if let latest, latest.id == id { return latest.workload }
        if let workload = live.use(id, { $0.workload }) {
            latest = (id, workload)
            return workload
        }
        latest = nil
        return find(id, pid: pid)
    }

    /// Pods that have cgroups which live, by what cgroup paths and runtimes say.
    package var podCount: Int { ownedByPod.values.count { $0.contains { !$0.cgroups.isEmpty } } }

    /// Workloads that have cgroups which live.
    func forEachRunning(_ body: (Workload) -> Void) {
        for workload in owners.values where !workload.cgroups.isEmpty { body(workload) }
    }

    /// One of a workload's cgroups, one that is alive if there is one; otherwise looks at all that were removed.
    func cgroup(of description: WorkloadDescription) -> UInt64? {
        // More may be known of it by now, but it begins where it began.
        if let alive = owners[description.cgroup]?.cgroups.first { return alive }
        var found: UInt64?
        removed.forEachKey { id in
            if removed.peek(id)?.workload.description.cgroup == description.cgroup { found = id }
        }
        return found
    }

    /// Cgroups that are known, removed ones included.
    package var count: Int { live.count + removed.count }

    /// The path of a cgroup below the hierarchy's root, nil if not known.
    package func path(of id: UInt64) -> ByteString? {
        live.peek(id)?.path ?? removed.peek(id)?.path
    }

    /// Learns all cgroups that there are. What is known already stays, and what is not found is looked for again.
    package mutating func scan() {
        guard let bytes = host.answer(.cgroups).bytes else { return }
        var rest = bytes[...]
        while rest.count >= 12 {
            let id = Self.integer(rest.prefix(8))
            let length = Int(Self.integer(rest.dropFirst(8).prefix(4)))
            rest = rest.dropFirst(12)
            guard length <= rest.count else { return }
            if id == 0 {
                unread += 1
            } else if live.peek(id) == nil, removed.peek(id) == nil {
                insert(id, path: ByteString(Array(rest.prefix(length))), .scan)
            }
            rest = rest.dropFirst(length)
        }
        unknown = RecencyTable(capacity: limits.unknown)
    }

    /// A cgroup was made at `path`.
    package mutating func created(_ id: UInt64, path: ByteString) {
        insert(id, path: path, .created)
    }

    /// - Parameter time: boot clock, ns.
    package mutating func removed(_ id: UInt64, at time: UInt64) {
        guard var entry = live.remove(id) else { return }
        latest = nil
        entry.removedAt = time
        entry.workload.cgroups.removeAll { $0 == id }
        // What runs there next, as a unit that is started again, has announced nothing yet.
        if entry.workload.cgroups.isEmpty {
            (entry.workload.announcesCalls, entry.workload.hasAnnounced) = (false, false)
            entry.workload.sendsSpans = false
        }
        if let gone = removed.insert(id, entry) { release(gone.value) }
    }

    /// Lets go of cgroups that were removed long ago, and looks anew for those that nobody could name.
    package mutating func tick(at time: UInt64) {
        ticks += 1
        while let (id, entry) = removed.peekOldest(), entry.removedAt &+ limits.removedLife <= time {
            if let gone = removed.remove(id) { release(gone) }
            latest = nil
        }
    }

    /// Takes what is new of the cluster. Workloads that it tells more of are described anew.
    ///
    /// - Returns: those of which nothing more is awaited now.
    package mutating func apply(_ changes: [ClusterChange]) -> [Workload] {
        var settled: [Workload] = []
        for change in changes {
            switch resolver.apply(change) {
            case .nothing: break
            case .pod(let uid): for workload in ownedByPod[uid] ?? [] { describe(workload, &settled) }
            case .everything: for workload in ownedByPod.values.joined() { describe(workload, &settled) }
            }
        }
        return settled
    }

    /// Asks once more what a container's runtime keeps of it, where that was not there when its cgroup was made.
    ///
    /// - Returns: whether nothing more is awaited now.
    package mutating func lookAgain(at workload: Workload) -> Bool {
        guard workload.runtime == nil, workload.isContainer else { return false }
        workload.runtime = runtimeState(workload.path)
        guard let runtime = workload.runtime else { return false }
        // Whose it may be is news only where its path did not tell.
        let claimed = workload.path.podUID == nil ? WorkloadResolver.podUID(workload.path, runtime) : nil
        if let claimed {
            ownedByPod[claimed, default: []].append(workload)
            workload.isAwaited = resolver.followsPods
        }
        var settled: [Workload] = []
        describe(workload, &settled)
        return !settled.isEmpty
    }

    /// None of its events waits any more: nobody asks for a workload whose cgroups are all forgotten.
    package mutating func letGo(_ workload: Workload) {
        workload.isHeld = false
        if workload.references == 0 { disown(workload) }
    }

    private mutating func describe(_ workload: Workload, _ settled: inout [Workload]) {
        let before = workload.description.identity
        let source = before.sources["cgroup"].flatMap(CgroupSource.init) ?? .scan
        var (identity, isComplete) = resolver.resolve(workload.path, runtime: workload.runtime, source: source)
        // A container never changes its name, whatever a later status leaves out.
        if identity.isSameContainer(as: before), identity.container?.name.isEmpty ?? false {
            identity.container = before.container
            identity.sources["container"] = before.sources["container"]
            isComplete = isComplete || !(before.container?.name.isEmpty ?? true)
        }
        let isSettled = isComplete && workload.isAwaited
        guard identity != before || isSettled else { return }
        if identity != before { workload.description = WorkloadDescription(identity) }
        if isSettled {
            workload.isAwaited = false
            settled.append(workload)
        }
        decide(workload)
    }

    /// Nothing more is awaited of the workload: it takes too long.
    package mutating func giveUp(_ workload: Workload) {
        workload.isAwaited = false
        decide(workload)
    }

    private func runtimeState(_ path: CgroupPath) -> RuntimeContainer? {
        guard case .container(let container) = path.owner else { return nil }
        let question = HostQuestion.runtimeState(container.runtime, id: container.id, user: container.userID)
        return try? host.answer(question).runtimeContainer()
    }

    /// Whether a process may belong to another workload than its cgroup: see `mapped`.
    package var mapsExecutables: Bool { resolver.mapsExecutables }

    /// The workload that the operator's map has for a program in a workload's cgroup; nil if none.
    package func mapped(_ workload: Workload, executable: ByteString) -> WorkloadDescription? {
        resolver.mapped(workload, executable: executable)
    }

    /// What would be described anew if this pod, as cgroup paths call it, were told of.
    func followed(byPod uid: String) -> [Workload] { ownedByPod[uid] ?? [] }

    // MARK: Inside

    private mutating func find(_ id: UInt64, pid: UInt32) -> Workload {
        if let workload = removed.use(id, { $0.workload }) { return workload }
        var known = unknown.use(id)
        if known?.tick != ticks { known?.looks = 0 }
        if let known, known.looks >= Self.lookLimit { return known.workload }
        if let path = look(for: id, pid: pid) {
            insert(id, path: path, .process)
            if let entry = live.peek(id) { return entry.workload }
        }
        if var known {
            if pid != 0 {
                known.looks += 1
                known.tick = ticks
                unknown.insert(id, known)
            }
            return known.workload
        }
        let workload = Workload(
            number: takeNumber(), path: CgroupPath("/"), description: .unknown(cgroup: ByteString(String(id))))
        unknown.insert(id, Unknown(workload: workload, looks: pid == 0 ? 0 : 1, tick: ticks))
        return workload
    }

    /// The cgroup that the process is in now, if it is the one with this id.
    private func look(for id: UInt64, pid: UInt32) -> ByteString? {
        guard pid != 0, let bytes = host.answer(.file(pid: pid, .cgroup)).bytes else { return nil }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            // hierarchy:controllers:path, and the path may have colons
            let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, fields[2].first == UInt8(ascii: "/"), !fields[2].starts(with: "/..".utf8) else {
                continue
            }
            let path = ByteString(Array(fields[2]))
            if let bytes = host.answer(.cgroupID(path: path)).bytes, Self.integer(bytes[...]) == id {
                return path
            }
        }
        return nil
    }

    private mutating func insert(_ id: UInt64, path: ByteString, _ source: CgroupSource) {
        if let known = live.peek(id) {
            if known.path == path { return }
            if let old = live.remove(id) {
                leave(id, old.workload)
                release(old)
            }
        }
        if let old = removed.remove(id) {
            leave(id, old.workload)
            release(old)
        }
        unknown.remove(id)
        latest = nil
        var owner = CgroupPath(path, trees: trees)
        if resolver.mapsApart(path, from: owner.ownerBytes) { owner.ownerBytes = path }
        let workload: Workload
        // A container whose cgroups are all gone is over: another may be made under its name.
        if let known = owners[owner.ownerBytes], !known.isContainer || !known.cgroups.isEmpty {
            workload = known
        } else {
            workload = make(owner, source)
            owners[owner.ownerBytes] = workload
        }
        workload.references += 1
        join(id, workload)
        if workload.cgroups.count > largest?.cgroups.count ?? 0 { largest = workload }
        if live.count >= limits.live { makeRoom() }
        if let gone = live.insert(id, Entry(path: path, workload: workload)) {
            evicted += 1
            leave(gone.key, gone.value.workload)
            release(gone.value)
        }
    }

    /// Whoever makes cgroups in numbers loses his own, and none of anybody else's.
    private mutating func makeRoom() {
        guard let largest, largest.cgroups.count > limits.live / 8, let id = largest.cgroups.first,
            let gone = live.remove(id)
        else { return }
        evicted += 1
        leave(id, gone.workload)
        release(gone)
    }

    private mutating func make(_ path: CgroupPath, _ source: CgroupSource) -> Workload {
        let runtime = runtimeState(path)
        let (identity, isComplete) = resolver.resolve(path, runtime: runtime, source: source)
        let workload = Workload(number: takeNumber(), path: path, description: WorkloadDescription(identity))
        workload.runtime = runtime
        workload.isAwaited = !isComplete
        // It ran before the sensor: what it has executed went by unseen.
        workload.hasRunOwnProgram = source != .created
        decide(workload)
        if let pod = WorkloadResolver.podUID(path, runtime) { ownedByPod[pod, default: []].append(workload) }
        return workload
    }

    private mutating func release(_ entry: Entry) {
        let workload = entry.workload
        workload.references -= 1
        guard workload.references == 0 else { return }
        if owners[workload.path.ownerBytes] === workload { owners[workload.path.ownerBytes] = nil }
        // Events may wait for it still: whoever makes cgroups in numbers must not make its pod miss it.
        if !workload.isHeld { disown(workload) }
    }

    private mutating func disown(_ workload: Workload) {
        guard let pod = WorkloadResolver.podUID(workload.path, workload.runtime) else { return }
        ownedByPod[pod]?.removeAll { $0 === workload }
        if ownedByPod[pod]?.isEmpty ?? false { ownedByPod[pod] = nil }
    }

    private mutating func takeNumber() -> UInt64 {
        defer { nextNumber += 1 }
        return nextNumber
    }

    private static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension WorkloadIdentity {
    /// Whether both are of one container of one pod.
    fileprivate func isSameContainer(as other: WorkloadIdentity) -> Bool {
        guard let container, let known = other.container, let pod, let knownPod = other.pod else { return false }
        return container.id == known.id && pod.uid == knownPod.uid
    }
}
