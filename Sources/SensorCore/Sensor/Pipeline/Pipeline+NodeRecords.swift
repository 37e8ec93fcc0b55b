// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// What has been told of the node as a whole.
struct ToldNode {
    /// Wall clock, nanoseconds since 1970: since when the sensor has watched.
    var start: UInt64
    var wasKilled = false
    var takeOver: PostureTakeOver?
    var inventory: [PostureInventoryItem] = []
    var inventoryAt: UInt64 = 0
    /// When it was last looked whether it has changed.
    var inventoryCheckedAt: UInt64 = 0
    /// Events that were lost and seen with blind operations until it was told.
    var coverage: UInt64 = 0
    var coverageAt: UInt64 = 0
}

// What is said of the node: at the start, when it has changed, and each hour.
extension Pipeline {
    mutating func takeNodeRecords(all: Bool = false) -> [PostureRecord] {
        takeInventory() + takeNodeCoverage(all: all)
    }

    private mutating func takeInventory() -> [PostureRecord] {
        let now = profiles.clock.now
        guard now &- node.inventoryCheckedAt >= Self.pause else { return [] }
        node.inventoryCheckedAt = now
        let items = inventory
        guard items != node.inventory || now &- node.inventoryAt >= Self.refresh else { return [] }
        (node.inventory, node.inventoryAt) = (items, now)
        let starts = Array(stride(from: 0, to: max(items.count, 1), by: Self.itemsOfRecord))
        return starts.enumerated().map { part, start in
            var record = record()
            record.inventory = PostureInventory.with {
                $0.items = Array(items[start..<min(start + Self.itemsOfRecord, items.count)])
                ($0.part, $0.parts) = (UInt32(part), UInt32(starts.count))
            }
            return record
        }
    }

    private var inventory: [PostureInventoryItem] {
        var items: [PostureInventoryItem] = []
        cgroups.forEachRunning { workload in
            let description = workload.description
            let identity = description.identity
            let subject = SubjectKey(identity)
            let id = identity.container?.id ?? ""
            items.append(
                PostureInventoryItem.with {
                    $0.subject = PostureSubject(subject)
                    ($0.pod, $0.container, $0.revision) = (identity.pod?.name ?? "", id, identity.revision)
                    $0.image = identity.container?.image ?? ""
                    if let account = profiles.profile(of: subject)?.coverage.accounts[id] {
                        $0.since = Google_Protobuf_Timestamp(nanosecondsSince1970: account.from)
                    }
                    $0.watched = workload.isWatched && description.isAttributed
                    $0.why = Self.whyUnwatched(workload)
                })
        }
        return items.sorted { one, other in
            (one.subject.sortKey, one.container, one.pod, one.revision, one.image)
                < (other.subject.sortKey, other.container, other.pod, other.revision, other.image)
        }
    }

    private static func whyUnwatched(_ workload: Workload) -> String {
        if !workload.isWatched { return "no selector of --watch covers it" }
        if workload.isAwaited { return "whose it is is not known yet" }
        return workload.description.isAttributed ? "" : "whose it is cannot be told"
    }

    private mutating func takeNodeCoverage(all: Bool) -> [PostureRecord] {
        let now = profiles.clock.now
        let sum = ledger.lost &+ uringOperations.values.reduce(0, &+) &+ profiles.refused &+ profiles.clock.jumps
        let isDue = sum != node.coverage && now &- node.coverageAt >= Self.pause
        guard all || isDue || lowered.isNews || now &- node.coverageAt >= Self.refresh else { return [] }
        (node.coverage, node.coverageAt) = (sum, now)
        let reductions = takeReductions()
        var record = record()
        record.nodeCoverage = PostureNodeCoverage.with {
            $0.from = Google_Protobuf_Timestamp(nanosecondsSince1970: node.start)
            $0.to = Google_Protobuf_Timestamp(nanosecondsSince1970: now)
            $0.killed = node.wasKilled
            if let takeOver = node.takeOver { $0.takeOver = takeOver }
            $0.hooks = profiles.hooks.messages
            $0.lost = Self.rows(ledger.counts.filter(\.key.isLost))
            for (operation, count) in uringOperations {
                $0.blind[UringOperationNames.blind(operation.opcode), default: 0] &+= count
            }
            $0.unattributedEvents = tally.attributed(by: .none)
            ($0.subjects, $0.facts) = (UInt64(profiles.count), UInt64(profiles.factCount))
            ($0.refusedEvents, $0.clockJumps) = (profiles.refused, profiles.clock.jumps)
            $0.waitingSubjects = UInt64(profiles.waitingCount)
            $0.reductions = reductions
        }
        return [record]
    }

    /// What was found of the run before.
    mutating func takenOver(_ report: TakeOverReport) {
        node.takeOver = PostureTakeOver.with {
            if let from = report.from { $0.from = Google_Protobuf_Timestamp(nanosecondsSince1970: clock.wall(from)) }
            $0.to = Google_Protobuf_Timestamp(nanosecondsSince1970: clock.wall(report.to))
            ($0.state, $0.records, $0.why) = (report.state.rawValue, report.records, report.why)
            $0.lost = Self.rows(report.lost)
        }
        guard let from = report.from, report.state == .complete || report.state == .lossy else { return }
        profiles.restore(unattendedFrom: clock.wall(from), until: clock.wall(report.to))
    }

    private static func rows(_ lost: [LossLedger.Key: UInt64]) -> [PostureLoss] {
        var sums: [[String]: UInt64] = [:]
        for (key, count) in lost {
            sums[[key.hookName, key.reasonName], default: 0] &+= count
        }
        return sums.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { key, count in
            PostureLoss.with { ($0.hook, $0.reason, $0.count) = (key[0], key[1], count) }
        }
    }

    /// Between two records of the same (ns), changed or not.
    private static let pause: UInt64 = 300_000_000_000
    private static let refresh: UInt64 = 3_600_000_000_000
    private static let itemsOfRecord = 200
}

extension PostureSubject {
    fileprivate var sortKey: String { [namespace, kind, name, container].joined(separator: "/") }
}
