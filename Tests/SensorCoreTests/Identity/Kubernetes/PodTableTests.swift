// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

/// Which pod has a cgroup where several say so.
@Suite struct PodTableTests {
    private static let hash = "3f1d9c0a7be24c558e60d1f2a3b4c5d6"

    private func mirror(_ uid: String, hash: String = hash) -> PodIdentity {
        PodIdentity(
            uid: uid, namespace: "kube-system", name: "etcd-n1", cgroupUID: hash,
            controller: .init(group: "", kind: "Pod", name: "etcd", uid: uid))
    }

    @Test func `a pod that lives keeps its cgroups, whoever else claims them`() {
        var table = PodTable(goneLimit: 8)
        #expect(table.set(mirror("first")) == true)
        #expect(table.set(mirror("second")) == false)
        #expect(table.find(cgroupUID: Self.hash)?.uid == "first")
        table.remove(uid: "second")
        #expect(table.find(cgroupUID: Self.hash)?.uid == "first")
        table.remove(uid: "first")
        #expect(table.set(mirror("second")) == true)
        #expect(table.find(cgroupUID: Self.hash)?.uid == "second")
    }

    @Test func `a pod has the cgroups of its own UID, whoever claimed them before`() {
        var table = PodTable(goneLimit: 8)
        #expect(table.set(mirror("other", hash: "own")) == true)
        #expect(table.set(mirror("own", hash: "own")) == true)
        #expect(table.set(mirror("other", hash: "own")) == false)
        #expect(table.find(cgroupUID: "own")?.uid == "own")
    }

    @Test func `a mirror that was made anew outlives the memory of the one before`() {
        var table = PodTable(goneLimit: 1)
        table.remove(uid: "never seen")
        #expect(table.set(mirror("before")) == true)
        table.remove(uid: "before")
        #expect(table.set(mirror("now")) == true)
        for number in 0..<3 {
            #expect(table.set(mirror("\(number)", hash: "\(number)")) == true)
            table.remove(uid: "\(number)")
        }
        #expect(table.find(cgroupUID: Self.hash)?.uid == "now")
        #expect(table.find(cgroupUID: "0") == nil)
        #expect(table.find(cgroupUID: "2") != nil)
    }

    @Test func `a pod whose manifest changed leaves its former cgroups to their owner`() {
        var table = PodTable(goneLimit: 8)
        #expect(table.set(mirror("a", hash: "1")) == true)
        table.remove(uid: "a")
        #expect(table.set(mirror("b", hash: "1")) == true)
        #expect(table.set(mirror("a", hash: "2")) == true)
        #expect(table.find(cgroupUID: "1")?.uid == "b")
        #expect(table.find(cgroupUID: "2")?.uid == "a")
    }
}
