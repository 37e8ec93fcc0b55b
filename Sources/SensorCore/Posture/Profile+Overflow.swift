// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

extension Profile {
    /// Of facts that there was no room for.
    struct Overflow {
        var count: UInt64 = 0
        /// Payload bytes.
        var sent: UInt64 = 0
        var received: UInt64 = 0
        var distinct = DistinctCount()
        var firstSeen: UInt64
        var lastSeen: UInt64
        /// With what count it was last told.
        private var toldCount: UInt64 = 0

        init(firstSeen: UInt64, lastSeen: UInt64) { (self.firstSeen, self.lastSeen) = (firstSeen, lastSeen) }

        /// It has changed enough since it was told.
        var isNews: Bool { count > toldCount && count / 2 >= toldCount }

        mutating func tell() { toldCount = count }

        mutating func extend(from first: UInt64, to last: UInt64) {
            (firstSeen, lastSeen) = (min(firstSeen, first), max(lastSeen, last))
        }

        /// It is this time, not as late as it was noted to be.
        mutating func turnBack(to now: UInt64) { (firstSeen, lastSeen) = (min(firstSeen, now), min(lastSeen, now)) }
    }

    static func message(_ kind: FactKind, _ overflow: Overflow) -> PostureFact {
        PostureFact.with {
            ($0.discipline, $0.kind) = (kind.discipline.name, kind.name)
            ($0.overflow, $0.count, $0.distinct) = (true, overflow.count, overflow.distinct.estimate)
            ($0.bytesSent, $0.bytesReceived) = (overflow.sent, overflow.received)
            $0.firstSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: overflow.firstSeen)
            $0.lastSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: overflow.lastSeen)
        }
    }

    /// With what there was no room to tell apart.
    func withOverflow(_ rows: [PostureCoverage]) -> [PostureCoverage] {
        rows
            + overflow.sorted { $0.key.rawValue < $1.key.rawValue }.map { kind, overflow in
                PostureCoverage.with {
                    ($0.discipline, $0.kind) = (kind.discipline.name, kind.name)
                    $0.state = CoverageAccount.State.lossy.rawValue
                    $0.from = Google_Protobuf_Timestamp(nanosecondsSince1970: overflow.firstSeen)
                    $0.to = Google_Protobuf_Timestamp(nanosecondsSince1970: overflow.lastSeen)
                    $0.lost = [
                        PostureLoss.with { ($0.hook, $0.reason, $0.count) = ("daemon", "facts_full", overflow.count) }
                    ]
                }
            }
    }
}
