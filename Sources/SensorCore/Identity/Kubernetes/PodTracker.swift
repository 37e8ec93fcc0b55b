// SPDX-License-Identifier: Apache-2.0

internal import Logging

/// The pods of this node as far as they are known, and the one place that tells of them, in order.
///
/// A pod is told when its controller is known; until then it waits in `unsettled`, for somebody who asks the API server
/// (`OwnerSettler`), and keeps nobody else waiting. One that is deleted meanwhile stays until that is over: its events
/// are there.
actor PodTracker {
    private struct Entry {
        /// nil: only the cache on disk knows the pod.
        var observed: ObservedPod?
        /// The best that is known, from the cache or of an earlier owner too.
        var resolution: OwnerResolution?
        /// Whether the settler has the pod.
        var isSettling = false
        /// Whether the owner could not be read, so that `resolution` is of before or does not last.
        var isUnread = false
        /// Whether that is so because the server does not let us see it.
        var isForbidden = false
        /// What was told last.
        var told: PodIdentity?

        /// Whether it is not known, or not for certain, whom the pod belongs to.
        var isUnsettled: Bool {
            guard let observed else { return told == nil }
            return told == nil || isUnread || observed.manager == .unreadable || resolution?.source == .cache
        }
    }

    private static let maximumLeaving = 1024

    /// Pods whose owner is to be found out, by UID. One that waits here twice is asked for once.
    nonisolated let unsettled: AsyncStream<String>
    private let queue: AsyncStream<String>.Continuation
    /// Has an element after each list but the first.
    nonisolated let relists: AsyncStream<Void>
    private let relisted: AsyncStream<Void>.Continuation
    private let settings: ClusterSettings
    private let status: ClusterStatusBoard
    private let log: Logger
    private let handle: @Sendable ([ClusterChange]) -> Void

    private var entries: [String: Entry] = [:]
    /// Deleted pods that are not told yet, by UID, with the time when they are given up. They are in `entries`.
    private var leaving: [String: ContinuousClock.Instant] = [:]
    /// What the first list waits for.
    private var grace: Task<Void, Never>?
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
        (relists, relisted) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    // MARK: What is told of the pods

    /// What an earlier run has kept. To be called first of all.
    func restore(_ cache: IdentityCache.Content) {
        clusterID = cache.cluster
        var changes = tellCluster()
        for var pod in cache.pods.prefix(settings.maximumPods) {
            pod.source = .cache
            pod.controllerSource = .cache
            entries[pod.uid] = Entry(resolution: cache.origins[pod.uid].map { OwnerResolution(pod, $0) }, told: pod)
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

    /// The first list is not told before `grace` is over.
    func wait(for grace: Task<Void, Never>) { self.grace = grace }

    /// Everything that there is.
    func replace(with all: [ObservedPod]) async {
        if let grace {
            self.grace = nil
            await grace.value
        }
        if hasList { relisted.yield() }
        let pods = all.filter { isOurs($0) }
        let known = Set(pods.map(\.identity.uid))
        var changes = entries.filter { !known.contains($0.key) }.keys.sorted().flatMap { forget($0) }
        for pod in pods { changes += take(pod) }
        hasList = true
        awaited = Set(entries.filter { $0.value.isSettling && leaving[$0.key] == nil }.keys)
        tell(changes + tellSynced())
    }

    func set(_ pod: ObservedPod) {
        guard isOurs(pod) else { return }
        tell(take(pod))
    }

    /// - Parameter last: what the pod was like in the end, where the server has said it.
    func remove(_ uid: String, last: ObservedPod? = nil) {
        var changes: [ClusterChange] = []
        if var last, last.identity.uid == uid, isOurs(last) {
            if let before = entries[uid]?.observed { last.identity.keepIDs(of: before.identity) }
            changes = take(last)
        }
        tell(changes + forget(uid) + tellSynced())
    }

    /// Only this node's pods are asked for; a server that sends others must not make them ours.
    private func isOurs(_ pod: ObservedPod) -> Bool {
        if pod.node.isEmpty || pod.node == settings.node { return true }
        if status.snapshot.counters.foreignPods == 0 {
            log.warning(
                "the API server sends pods of other nodes: left out",
                metadata: [
                    "namespace": "\(pod.identity.namespace)", "pod": "\(pod.identity.name)", "node": "\(pod.node)",
                ])
        }
        status.count(\.foreignPods)
        return false
    }

    private func take(_ pod: ObservedPod) -> [ClusterChange] {
        let uid = pod.identity.uid
        guard entries[uid] != nil || entries.count - leaving.count < settings.maximumPods else {
            status.count(\.overflow)
            return []
        }
        leaving[uid] = nil
        var entry = entries[uid] ?? Entry()
        if entry.observed == nil { tellClaim(pod) }
        if entry.observed?.manager != pod.manager {
            entry.isUnread = false
            entry.isForbidden = false
            if pod.manager == .unreadable { tellUnreadable(pod) }
        }
        entry.observed = pod
        if pod.manager == .nobody { entry.resolution = OwnerResolution(pod) }
        let needsOwner = pod.owner.map { owner in
            !entry.isUnread && (entry.resolution?.from != owner.uid || entry.resolution?.source == .cache)
        }
        if !entry.isSettling, needsOwner ?? false || lacksLabels(of: pod.identity.namespace) {
            entry.isSettling = true
            queue.yield(uid)
        }
        entries[uid] = entry
        return entry.isSettling && entry.told == nil ? [] : announce(uid)
    }

    private func tellUnreadable(_ pod: ObservedPod) {
        status.count(\.unreadableOwners)
        log.warning(
            "a pod does not say readably who manages it: what was known of it is used on, if anything was",
            metadata: ["namespace": "\(pod.identity.namespace)", "pod": "\(pod.identity.name)"])
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
        guard let entry = entries[uid] else { return [] }
        if entry.told == nil, entry.isSettling, leaving[uid] != nil || leaving.count < Self.maximumLeaving {
            leaving[uid] = leaving[uid] ?? .now + settings.leavingTime
            return []
        }
        return drop(uid)
    }

    private func drop(_ uid: String) -> [ClusterChange] {
        leaving[uid] = nil
        guard let entry = entries.removeValue(forKey: uid) else { return [] }
        if entry.told == nil { status.count(\.abandonedPods) }
        return entry.told == nil ? [] : [.removed(uid: uid)]
    }

    // MARK: Owners

    struct Question: Sendable {
        /// nil: the pod is its own.
        var owner: ObjectReference?
        var namespace: String
    }

    /// What is to be found out for a pod; nil: nothing (any more).
    func question(_ uid: String) -> Question? {
        if let end = leaving[uid], end <= .now { tell(drop(uid)) }
        guard let observed = entries[uid]?.observed else { return nil }
        return Question(owner: observed.owner, namespace: observed.identity.namespace)
    }

    /// Whether a namespace's labels are wanted and not known.
    func lacksLabels(of namespace: String) -> Bool {
        !settings.choices.namespaceLabels.isEmpty && namespaceLabels[namespace] == nil
    }

    /// What was found out. False: the pod has another owner by now, so ask again.
    func settle(
        _ uid: String, _ question: Question, _ resolution: OwnerResolution?, labels: [String: String]?, isDone: Bool
    ) -> Bool {
        if let labels { namespaceLabels[question.namespace] = labels }
        guard let entry = entries[uid] else { return true }
        let isCurrent = entry.observed?.owner == question.owner
        if isCurrent, question.owner != nil, let resolution { settle(uid, resolution) }
        if isDone, isCurrent { entries[uid]?.isSettling = false }
        var changes = announce(uid)
        if leaving[uid] != nil, isDone || entries[uid]?.told != nil { changes += drop(uid) }
        // Even when it could not be found out: the next attempts must not keep back that all others are told.
        awaited.remove(uid)
        changes += tellSynced()
        tell(changes)
        return isCurrent
    }

    /// What was known of the pod is better than an owner that could not be read.
    private func settle(_ uid: String, _ resolution: OwnerResolution) {
        guard var entry = entries[uid] else { return }
        let before = entry.resolution
        entry.isUnread = !resolution.isLasting
        entry.isForbidden = resolution.isForbidden
        if resolution.isLasting || before?.from != resolution.from || before?.isLasting != true {
            entry.resolution = resolution
        }
        entries[uid] = entry
    }

    /// Asks again for the owners that could not be read.
    func retry() {
        for uid in entries.keys.sorted() where entries[uid]?.isUnread == true { ask(uid) }
    }

    private func ask(_ uid: String) {
        guard entries[uid]?.isSettling == false else { return }
        entries[uid]?.isSettling = true
        queue.yield(uid)
    }

    /// Asks again for what was not to be had the last time, and for namespaces.
    func refresh(namespaces: [String: [String: String]]) {
        var changes: [ClusterChange] = []
        for (name, labels) in namespaces where namespaceLabels[name] != nil { namespaceLabels[name] = labels }
        let inUse = Set(entries.values.compactMap { $0.observed?.identity.namespace })
        namespaceLabels = namespaceLabels.filter { inUse.contains($0.key) }
        for uid in entries.keys.sorted() {
            changes += announce(uid)
            if entries[uid]?.resolution?.source == .reference { ask(uid) }
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
            status.lostContact(error, nil)
            return
        }
        failing = (before.since, true)
        status.lostContact(error, state)
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
        let unsettled = entries.count { $1.isUnsettled && leaving[$0] == nil }
        let forbidden = entries.count { $1.isForbidden && leaving[$0] == nil }
        status.update { status in
            status.pods = entries.count - leaving.count
            status.unsettledPods = unsettled
            status.forbiddenOwners = forbidden
        }
        guard !changes.isEmpty else { return }
        revision += 1
        handle(changes)
    }

    /// What is worth keeping on disk.
    ///
    /// - Parameter server: where it is from.
    func content(server: String) -> IdentityCache.Content {
        let pods = entries.values.compactMap(\.told).sorted { $0.uid < $1.uid }
        let origins = entries.compactMapValues(\.resolution).mapValues {
            IdentityCache.Content.Origin(owner: $0.from, isLasting: $0.isLasting)
        }
        return IdentityCache.Content(
            node: settings.node, server: server, cluster: clusterID, pods: pods, origins: origins)
    }
}

extension OwnerResolution {
    /// Of a pod that nobody manages: itself.
    init(_ pod: ObservedPod) {
        self.init(from: "", controller: pod.identity.controller, source: .watch)
    }

    /// What an earlier run has found out.
    init(_ pod: PodIdentity, _ origin: IdentityCache.Content.Origin) {
        self.init(
            from: origin.owner, controller: pod.controller, source: .cache, chain: pod.ownerChain,
            revision: pod.revision, isLasting: origin.isLasting)
    }
}

extension PodIdentity {
    /// The status of a pod that was deleted by force may be empty: what its containers were is known from before.
    fileprivate mutating func keepIDs(of before: PodIdentity) {
        for index in containers.indices where containers[index].ids.isEmpty {
            guard let known = before.containers.first(where: { $0.name == containers[index].name }) else { continue }
            containers[index] = known
        }
    }
}
