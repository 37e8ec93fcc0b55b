// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// Of what less is told, and since when.
struct LoweredDetail {
    fileprivate struct Entry {
        var notice: OverloadNotice
        var workload: Workload?
    }

    /// Of whom there were many records lately, by their numbers.
    fileprivate var busy: [UInt64: Workload] = [:]
    fileprivate var entries: [Entry] = []
    /// What is over, until it is told; the oldest go.
    fileprivate var ended: [OverloadNotice] = []
    /// There is something that the node's coverage does not say yet.
    fileprivate(set) var isNews = false
    /// Whose events, but for urgent ones, go to nobody.
    fileprivate(set) var subjects: Set<SubjectKey> = []

    fileprivate static let endedLimit = 256
}

// What is told less of for having too much to do. Nothing of it is in a recording: what was lost for it is.
extension Pipeline {
    /// The same by workload, the largest first. Of a cgroup that nobody can name the kernel cannot be told to tell less.
    mutating func busiest(_ counts: [(cgroup: UInt64, records: UInt64)]) -> [(workload: UInt64, records: UInt64)] {
        var sums: [UInt64: UInt64] = [:]
        lowered.busy = [:]
        for (cgroup, records) in counts where cgroup != 0 {
            let workload = cgroups.workload(of: cgroup, pid: 0)
            guard !workload.cgroups.isEmpty else { continue }
            lowered.busy[workload.number] = workload
            sums[workload.number, default: 0] += records
        }
        return sums.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, $0.value) }
    }

    /// Numbers of workloads of which less is told and that are gone.
    func loweredGone() -> Set<UInt64> {
        Set(lowered.entries.compactMap { $0.workload.flatMap { $0.cgroups.isEmpty ? $0.number : nil } })
    }

    /// - Parameter reduction: of a workload that `busiest` has named the last time.
    /// - Returns: what there is to say of it.
    mutating func lower(_ reduction: Reduction, for limit: String) -> OverloadNotice {
        let workload = reduction.workload.flatMap { lowered.busy[$0] }
        let notice = OverloadNotice(
            reduction: reduction, workload: workload?.description, limit: limit, from: profiles.clock.now)
        lowered.entries.append(.init(notice: notice, workload: workload))
        decideDetail(of: workload)
        noteLowered()
        return notice
    }

    /// - Returns: what there is to say of it; nil: it was not lowered.
    mutating func raise(_ reduction: Reduction) -> OverloadNotice? {
        noteLowered()
        guard let place = lowered.entries.firstIndex(where: { $0.notice.reduction == reduction }) else { return nil }
        var (notice, workload) = (lowered.entries[place].notice, lowered.entries[place].workload)
        lowered.entries.remove(at: place)
        notice.to = max(notice.from, profiles.clock.now)
        lowered.ended = lowered.ended.suffix(LoweredDetail.endedLimit - 1) + [notice]
        decideDetail(of: workload)
        return notice
    }

    private mutating func decideDetail(of workload: Workload?) {
        lowered.isNews = true
        lowered.subjects = Set(lowered.entries.compactMap { $0.workload.map { SubjectKey($0.description.identity) } })
        profiles.isClosed = lowered.entries.contains { $0.notice.reduction == .facts }
        guard let workload else { return }
        let own = lowered.entries.filter { $0.workload === workload }.map(\.notice.reduction)
        var detail = KernelDetail.whole
        for reduction in own {
            switch reduction {
            case .ticks, .facts: break
            case .copies: if detail == .whole { detail = .firstSights }
            case .firstSights: detail = .counts
            }
        }
        cgroups.setDetail(detail, of: workload)
    }

    /// Of cgroups that the kernel is to tell more or less of since the last call, in the order in which it has to be carried out.
    mutating func takeDetailChanges() -> [DetailChange] { cgroups.takeDetailChanges() }

    /// Lets go of memory in which there was more than there is.
    mutating func giveBack() { templates.giveBack() }

    /// Whose first sights are not told is not known wholly, whether anything was lost or not.
    mutating func noteLowered() {
        for entry in lowered.entries {
            guard case .firstSights = entry.notice.reduction, let workload = entry.workload else { continue }
            profiles.lower(
                "the sensor came near its limit (\(entry.notice.limit)): what was new to it was counted as lost",
                of: workload.description, KernelDetail.spared, from: entry.notice.from)
        }
    }

    /// For the node's coverage, which says it then.
    mutating func takeReductions() -> [PostureReduction] {
        defer { (lowered.ended, lowered.isNews) = ([], false) }
        return (lowered.ended + lowered.entries.map(\.notice)).map(PostureReduction.init)
    }
}

extension PostureReduction {
    fileprivate init(_ notice: OverloadNotice) {
        self.init()
        (what, why) = (notice.reduction.name, notice.limit)
        if let workload = notice.workload { subject = PostureSubject(SubjectKey(workload.identity)) }
        from = Google_Protobuf_Timestamp(nanosecondsSince1970: notice.from)
        if let end = notice.to { to = Google_Protobuf_Timestamp(nanosecondsSince1970: end) }
    }
}
