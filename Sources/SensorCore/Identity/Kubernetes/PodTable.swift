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

    mutating func set(_ pod: PodIdentity) {
        if let before = cgroupUIDs.updateValue(pod.cgroupUID, forKey: pod.uid), before != pod.cgroupUID {
            pods[before] = nil
        }
        pods[pod.cgroupUID] = pod
        gone.removeAll { $0 == pod.uid }
    }

    mutating func remove(uid: String) {
        guard cgroupUIDs[uid] != nil, !gone.contains(uid) else { return }
        gone.append(uid)
        while gone.count > goneLimit {
            guard let cgroupUID = cgroupUIDs.removeValue(forKey: gone.removeFirst()) else { continue }
            pods[cgroupUID] = nil
        }
    }
}
