// SPDX-License-Identifier: Apache-2.0

internal import Logging

/// The pods of this node as far as they are known, and the one place that tells of them, in order.
///
/// A pod is told when its controller is known; until then it waits in `unsettled`, for somebody who asks the API server
/// (`OwnerSettler`), and keeps nobody else waiting.
actor PodTracker {
    private struct Entry {
        /// nil: only the cache on disk knows the pod.
        var observed: ObservedPod?
        var resolution: OwnerResolution?
        /// Whether the settler has the pod.
        var isSettling = false
        /// What was told last.
        var told: PodIdentity?
    }

    /// Pods whose owner is to be found out, by UID. One that waits here twice is asked for once.
    nonisolated let unsettled: AsyncStream<String>
    private let queue: AsyncStream<String>.Continuation
    private let settings: ClusterSettings
    private let status: ClusterStatusBoard
    private let log: Logger
    private let handle: @Sendable ([ClusterChange]) -> Void

    private var entries: [String: Entry] = [:]
    private var namespaceLabels: [String: [String: String]] = [:]
    private var clusterID = ""
    private var toldCluster: ClusterChange?
    /// Of the last list, those whose owners have not been asked for yet: all others before `synced` is told.
    private var awaited: Set<String> = []
    private var hasList = false
    private var isTellingSynced = false
    /// Since the server was last seen to be well.
    private var failing: (since: ContinuousClock.Instant, isLogged: Bool)?
    /// Grows with everything that the cache on disk should know.
    private(set) var revision: UInt64 = 0

    init(
        _ settings: ClusterSettings, status: ClusterStatusBoard, log: Logger,
        handle: @escaping @Sendable ([ClusterChange]) -> Void
    ) {
        self.settings = settings
        self.status = status
        self.log = log
        self.handle = handle
        (unsettled, queue) = AsyncStream.makeStream()
    }

    // MARK: What is told of the pods

    /// What an earlier run has kept. To be called first of all.
    func restore(_ cache: IdentityCache.Content) {
        clusterID = cache.cluster
        var changes = tellCluster()
        for var pod in cache.pods.prefix(settings.maximumPods) {
            pod.source = .cache
            pod.controllerSource = .cache
            entries[pod.uid] = Entry(told: pod)
            changes.append(.pod(pod))
        }
        changes.append(.stale)
        status.set(.stale)
        tell(changes)
    }

    /// The kube-system namespace's UID.
    func setCluster(id: String) {
        clusterID = id
        tell(tellCluster())
    }

    /// Everything that there is.
    func replace(with pods: [ObservedPod]) {
        let known = Set(pods.map(\.identity.uid))
        var changes = entries.filter { !known.contains($0.key) }.keys.sorted().flatMap { forget($0) }
        for pod in pods { changes += take(pod) }
        hasList = true
        awaited = Set(entries.filter { $0.value.told == nil || $0.value.observed == nil || $0.value.isSettling }.keys)
        tell(changes + tellSynced())
    }

    func set(_ pod: ObservedPod) { tell(take(pod)) }

    func remove(_ uid: String) { tell(forget(uid) + tellSynced()) }

    private func take(_ pod: ObservedPod) -> [ClusterChange] {
        let uid = pod.identity.uid
        guard entries[uid] != nil || entries.count < settings.maximumPods else {
            status.count(\.overflow)
            return []
        }
        if entries[uid]?.observed == nil { tellClaim(pod) }
        var entry = entries[uid] ?? Entry()
        if entry.observed?.owner != pod.owner { entry.resolution = nil }
        entry.observed = pod
        if pod.owner == nil { entry.resolution = OwnerResolution(pod) }
        let needsLabels = !settings.choices.namespaceLabels.isEmpty && namespaceLabels[pod.identity.namespace] == nil
        if !entry.isSettling, entry.resolution == nil || needsLabels {
            entry.isSettling = true
            queue.yield(uid)
        }
        entries[uid] = entry
        return entry.isSettling && entry.told == nil ? [] : announce(uid)
    }

    /// What a pod falsely says of its cgroups stays without effect, here or in `PodTable`; its operator should know.
    private func tellClaim(_ pod: ObservedPod) {
        let identity = pod.identity
        let isHeld =
            identity.cgroupUID != identity.uid
            && entries.contains { uid, entry in
                uid != identity.uid && entry.observed?.identity.cgroupUID == identity.cgroupUID
            }
        guard pod.isFalseMirror || isHeld else { return }
        status.count(\.refusedClaims)
        log.warning(
            "a pod has the marks of a static pod and is none, or is not the first with this manifest: it is not believed",
            metadata: ["namespace": "\(identity.namespace)", "pod": "\(identity.name)", "uid": "\(identity.uid)"])
    }

    /// Tells the pod as it is known now, where that is news.
    private func announce(_ uid: String) -> [ClusterChange] {
        guard let entry = entries[uid], let observed = entry.observed, let resolution = entry.resolution else {
            return []
        }
        var identity = observed.identity
        identity.controller = resolution.controller
        identity.controllerSource = resolution.source
        identity.ownerChain = resolution.chain
        if !resolution.revision.isEmpty { identity.revision = resolution.revision }
        identity.labels.merge(namespaceLabels[identity.namespace] ?? [:]) { own, _ in own }
        guard identity != entry.told else { return [] }
        entries[uid]?.told = identity
        return [.pod(identity)]
    }

    private func forget(_ uid: String) -> [ClusterChange] {
        awaited.remove(uid)
        guard let entry = entries.removeValue(forKey: uid), entry.told != nil else { return [] }
        return [.removed(uid: uid)]
    }

    // MARK: Owners

    struct Question: Sendable {
        /// nil: the pod is its own.
        var owner: ObjectReference?
        var namespace: String
        var needsLabels: Bool
    }

    /// What is to be found out for a pod; nil: nothing (any more).
    func question(_ uid: String) -> Question? {
        guard let entry = entries[uid], let observed = entry.observed else { return nil }
        return Question(
            owner: observed.owner, namespace: observed.identity.namespace,
            needsLabels: !settings.choices.namespaceLabels.isEmpty)
    }

    /// What was found out. False: the pod has another owner by now, so ask again.
    func settle(
        _ uid: String, _ question: Question, _ resolution: OwnerResolution?, labels: [String: String]?, isDone: Bool
    ) -> Bool {
        guard let entry = entries[uid] else { return true }
        if let labels { namespaceLabels[question.namespace] = labels }
        let isCurrent = entry.observed?.owner == question.owner
        if isCurrent, question.owner != nil, let resolution { entries[uid]?.resolution = resolution }
        if isDone, isCurrent { entries[uid]?.isSettling = false }
        var changes = announce(uid)
        // Even when it could not be found out: the next attempts must not keep back that all others are told.
        awaited.remove(uid)
        changes += tellSynced()
        tell(changes)
        return isCurrent
    }

    /// Asks again for what was not to be had the last time, and for namespaces.
    func refresh(namespaces: [String: [String: String]]) {
        var changes: [ClusterChange] = []
        for (name, labels) in namespaces where namespaceLabels[name] != nil { namespaceLabels[name] = labels }
        let inUse = Set(entries.values.compactMap { $0.observed?.identity.namespace })
        namespaceLabels = namespaceLabels.filter { inUse.contains($0.key) }
        for uid in entries.keys.sorted() {
            changes += announce(uid)
            if let entry = entries[uid], !entry.isSettling, entry.resolution?.source == .reference {
                entries[uid]?.isSettling = true
                queue.yield(uid)
            }
        }
        tell(changes)
    }

    /// Those that pods run in and whose labels are known.
    var namespaces: [String] { namespaceLabels.keys.sorted() }

    // MARK: Contact

    /// A watch lasts, or has told something.
    func madeContact() {
        guard let failing else { return }
        if failing.isLogged { log.notice("the API server answers again") }
        self.failing = nil
        tell(tellSynced())
    }

    /// A list or a watch has failed.
    func lostContact(_ error: APIError) {
        let now = ContinuousClock.now
        let before = failing ?? (since: now, isLogged: false)
        var isLogged = before.isLogged
        // That a version is too old happens to the best.
        if !isLogged, error.kind != .gone {
            isLogged = true
            log.warning(
                "the API server does not answer as it should, trying again",
                metadata: ["error": "\(error)", "pods": "\(entries.count)"])
        }
        let state: ClusterStatus.State = error.isRefusal ? .refused : .stale
        let known = status.snapshot.state
        guard now - before.since >= settings.staleAfter, known != state else {
            failing = (before.since, isLogged)
            return
        }
        failing = (before.since, true)
        status.set(state)
        log.warning(
            state == .refused
                ? "the API server does not permit to list and watch this node's pods: working from what is known"
                : "the API server is away: working from what is known",
            metadata: ["error": "\(error)", "pods": "\(entries.count)"])
        guard known != .stale, known != .refused else { return }
        isTellingSynced = false
        tell([.stale])
    }

    private func tellSynced() -> [ClusterChange] {
        guard hasList, failing == nil, awaited.isEmpty, !isTellingSynced else { return [] }
        isTellingSynced = true
        status.set(.synced)
        log.info("the pods of this node are known", metadata: ["pods": "\(entries.count)"])
        return [.synced]
    }

    // MARK: Telling

    private func tellCluster() -> [ClusterChange] {
        let change = ClusterChange.cluster(name: settings.cluster, id: clusterID)
        guard change != toldCluster, !(settings.cluster.isEmpty && clusterID.isEmpty) else { return [] }
        toldCluster = change
        status.update { $0.clusterID = clusterID }
        return [change]
    }

    private func tell(_ changes: [ClusterChange]) {
        let waiting = entries.values.count { $0.told == nil }
        status.update { status in
            status.pods = entries.count
            status.unsettledPods = waiting
        }
        guard !changes.isEmpty else { return }
        revision += 1
        handle(changes)
    }

    /// What is worth keeping on disk.
    var content: IdentityCache.Content {
        let pods = entries.values.compactMap(\.told).sorted { $0.uid < $1.uid }
        return IdentityCache.Content(node: settings.node, cluster: clusterID, pods: pods)
    }
}

extension OwnerResolution {
    /// Of a pod that nobody manages: itself.
    init(_ pod: ObservedPod) {
        self.init(controller: pod.identity.controller, source: .watch)
    }
}
