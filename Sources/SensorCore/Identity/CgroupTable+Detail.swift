// SPDX-License-Identifier: Apache-2.0

/// A cgroup of which the kernel is to tell so much from now on.
package struct DetailChange: Sendable, Equatable {
    /// Id in the tracked hierarchy.
    package var cgroup: UInt64
    package var detail: KernelDetail
}

// How much is told of a workload: of all its cgroups, those to come included.
extension CgroupTable {
    mutating func setDetail(_ detail: KernelDetail, of workload: Workload) {
        guard workload.detail != detail else { return }
        workload.detail = detail
        detailChanges += workload.cgroups.map { DetailChange(cgroup: $0, detail: detail) }
    }

    /// What changed since the last call, in the order in which it has to be carried out.
    mutating func takeDetailChanges() -> [DetailChange] {
        if detailChanges.isEmpty { return [] }
        defer { detailChanges = [] }
        return detailChanges
    }
}
