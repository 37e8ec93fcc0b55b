// SPDX-License-Identifier: Apache-2.0

/// What has been told of losses so far.
struct ToldLosses {
    var ledger = LossLedger()
    var uringOperations: [Pipeline.UringOperation: UInt64] = [:]
    /// Until when, nanoseconds since 1970.
    var time: UInt64
}

/// What is gone, or was out of sight, of a workload that nobody knows yet.
enum AwaitedLoss {
    case lost(LossLedger.Key, UInt64)
    case missed(String, UInt64)
}

extension Pipeline {
    /// What was lost since the last call, nil if nothing was.
    package mutating func takeLossReport() -> LossReport? {
        let now = clock.wall(clock.boot)
        var report = LossReport(from: told.time, to: now, subjects: [])
        var subjects: [UInt64: LossReport.Subject] = [:]
        for (key, count) in ledger.counts {
            let isBlind = key.reason == LossReason.compat.rawValue
            guard key.isLost || isBlind else { continue }
            let new = count &- (told.ledger.counts[key] ?? 0)
            guard new > 0 else { continue }
            let owner = owner(of: key.cgroup)
            if isBlind {
                subjects[owner.number, default: owner.subject].blind[LossReason.compat.name, default: 0] &+= new
                note(.missed(LossReason.compat.name, new), of: key.cgroup)
            } else {
                note(.lost(key, new), of: key.cgroup)
                subjects[owner.number, default: owner.subject].lost.append(.init(key, count: new))
            }
        }
        for (operation, count) in uringOperations {
            let new = count &- (told.uringOperations[operation] ?? 0)
            guard new > 0 else { continue }
            let owner = owner(of: operation.cgroup)
            let name = UringOperationNames.blind(operation.opcode)
            subjects[owner.number, default: owner.subject].blind[name, default: 0] &+= new
            note(.missed(name, new), of: operation.cgroup)
        }
        let untold = ledger.overflow &- told.ledger.overflow
        if untold > 0 {
            let loss = LossReport.Loss(hook: Via.daemon.name, reason: "untold", kind: "", count: untold)
            subjects[0, default: LossReport.Subject()].lost.append(loss)
            note(.lost(LossLedger.Key(cgroup: 0, hook: Via.daemon.rawValue, reason: 0, kind: 0), untold), of: 0)
        }
        told = ToldLosses(ledger: ledger, uringOperations: uringOperations, time: now)
        if subjects.isEmpty { return nil }
        report.subjects = subjects.values.map { Self.sorted($0) }.sorted { $0.lostCount > $1.lostCount }
        return report
    }

    /// - Parameter cgroup: 0: it may have been anybody's.
    private mutating func note(_ loss: AwaitedLoss, of cgroup: UInt64) {
        guard configuration.learnsProfiles else { return }
        if cgroup == 0 { return note(loss, of: nil) }
        let workload = cgroups.workload(of: cgroup, pid: 0)
        guard workload.isAwaited else { return note(loss, of: workload.description) }
        if awaitedLosses.count < Self.awaitedLossLimit {
            awaitedLosses.append((workload, loss))
        } else {
            note(loss, of: nil)
        }
    }

    private mutating func note(_ loss: AwaitedLoss, of workload: WorkloadDescription?) {
        switch loss {
        case .lost(let key, let count): profiles.lose(key, count: count, of: workload)
        case .missed(let operation, let count): profiles.miss(operation, count: count, of: workload)
        }
    }

    /// Notes what had to wait until it was known whose it is.
    mutating func noteAwaitedLosses() {
        let waiting = awaitedLosses
        awaitedLosses = []
        for (workload, loss) in waiting {
            if workload.isAwaited {
                awaitedLosses.append((workload, loss))
            } else {
                note(loss, of: workload.description)
            }
        }
    }

    /// Nobody will know whose they were: they may have been anybody's.
    mutating func giveUpAwaitedLosses() {
        noteAwaitedLosses()
        for (_, loss) in awaitedLosses { note(loss, of: nil) }
        awaitedLosses = []
    }

    private static let awaitedLossLimit = 1024

    /// One of a workload's cgroups; nil: none of them is known any more.
    func cgroup(of workload: WorkloadDescription) -> UInt64? { cgroups.cgroup(of: workload) }

    /// A cgroup's workload; 0 is the node's own number.
    private mutating func owner(of cgroup: UInt64) -> (number: UInt64, subject: LossReport.Subject) {
        if cgroup == 0 { return (0, LossReport.Subject()) }
        let workload = cgroups.workload(of: cgroup, pid: 0)
        return (workload.number, LossReport.Subject(workload: workload.description))
    }

    /// The losses of a workload's cgroups together.
    private static func sorted(_ subject: LossReport.Subject) -> LossReport.Subject {
        var sums: [[String]: LossReport.Loss] = [:]
        for loss in subject.lost {
            sums[[loss.hook, loss.reason, loss.kind], default: .init(loss, count: 0)].count &+= loss.count
        }
        var subject = subject
        subject.lost = sums.values.sorted {
            ($1.count, $0.hook, $0.reason, $0.kind) < ($0.count, $1.hook, $1.reason, $1.kind)
        }
        return subject
    }
}

extension [Pipeline.UringOperation: UInt64] {
    /// Counts for the node what was done in these cgroups, which are gone.
    mutating func fold(_ cgroups: Set<UInt64>) {
        for (operation, count) in filter({ cgroups.contains($0.key.cgroup) }) {
            self[operation] = nil
            self[Pipeline.UringOperation(cgroup: 0, opcode: operation.opcode), default: 0] &+= count
        }
    }
}

extension LossReport.Loss {
    fileprivate init(_ key: LossLedger.Key, count: UInt64) {
        self.init(
            hook: key.hookName, reason: key.reasonName,
            kind: key.kind == 0 ? "" : EventKind(rawValue: key.kind)?.name ?? "kind \(key.kind)", count: count)
    }

    fileprivate init(_ other: Self, count: UInt64) {
        self = other
        self.count = count
    }
}
