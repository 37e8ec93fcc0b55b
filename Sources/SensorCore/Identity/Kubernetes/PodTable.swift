// SPDX-License-Identifier: Apache-2.0

/// The pods of this node as they were last told, the living ones and some that are gone.
struct PodTable: ~Copyable {
    /// By what cgroup paths call them.
    private var pods: [String: PodIdentity] = [:]
    /// From the API server's UID to the one in cgroup paths: they differ for static pods.
    private var cgroupUIDs: [String: String] = [:]
    /// Gone pods in the order of their going: their processes and counts come later still.
    private var gone: [String] = []
    private let goneLimit: Int

    init(goneLimit: Int) { self.goneLimit = goneLimit }

    func find(cgroupUID: String) -> PodIdentity? { pods[cgroupUID] }

    /// - Returns: false for a pod that says it has the cgroups of another, which lives: that one keeps them. Only the
    ///   mirrors of static pods can say so, and only of each other; a pod's own UID is nobody else's.
    mutating func set(_ pod: PodIdentity) -> Bool {
        if let holder = pods[pod.cgroupUID], holder.uid != pod.uid, pod.uid != pod.cgroupUID,
            !gone.contains(holder.uid)
        {
            return false
        }
        if let before = cgroupUIDs.updateValue(pod.cgroupUID, forKey: pod.uid), before != pod.cgroupUID {
            drop(before, of: pod.uid)
        }
        pods[pod.cgroupUID] = pod
        gone.removeAll { $0 == pod.uid }
        return true
    }

    mutating func remove(uid: String) {
        guard cgroupUIDs[uid] != nil, !gone.contains(uid) else { return }
        gone.append(uid)
        while gone.count > goneLimit {
            let uid = gone.removeFirst()
            guard let cgroupUID = cgroupUIDs.removeValue(forKey: uid) else { continue }
            drop(cgroupUID, of: uid)
        }
    }

    /// A mirror that was made anew has the cgroups of the one before.
    private mutating func drop(_ cgroupUID: String, of uid: String) {
        if pods[cgroupUID]?.uid == uid { pods[cgroupUID] = nil }
    }
}
