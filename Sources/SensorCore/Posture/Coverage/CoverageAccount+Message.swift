// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

extension PostureCoverage {
    /// What is to be said of an account in this state.
    ///
    /// - Parameters:
    ///   - id: the container; empty: all together.
    ///   - kind: nil: of the whole discipline.
    init(
        _ id: String, _ account: CoverageAccount, _ discipline: Discipline, _ kind: FactKind?,
        _ state: CoverageAccount.State, _ hooks: HookCoverage
    ) {
        self.init()
        container = id
        self.discipline = discipline.name
        self.kind = kind?.name ?? ""
        self.state = state.rawValue
        from = Google_Protobuf_Timestamp(nanosecondsSince1970: account.from)
        to = Google_Protobuf_Timestamp(nanosecondsSince1970: account.to)
        observedSeconds = account.observed / 1_000_000_000
        self.hooks = hooks.absent(of: kind, discipline)
        switch state {
        case .complete: break
        case .notWatched:
            let isClaimed = kind?.isOnlyClaimed ?? false
            why =
                if isClaimed {
                    "known by the word of agents alone"
                } else if account.sendsSpans {
                    "tool calls are told of by spans, after the fact"
                } else {
                    "nobody in it has announced tool calls"
                }
        case .blind:
            let kinds = kind.map { [$0] } ?? FactKind.allCases.filter { $0.discipline == discipline }
            let unseen = Set(kinds.compactMap { hooks.blindness(of: $0) }).sorted()
            let other = account.otherKernel
            let behind = other.isEmpty ? [] : ["it runs in another kernel (\(other)), of which nothing is seen"]
            why = (behind + account.blind.keys.sorted() + unseen).joined(separator: ", ")
            lost = losses(account, kind, discipline)
        case .lossy: lost = losses(account, kind, discipline)
        }
    }

    /// Of another container or time.
    mutating func fold(_ other: PostureCoverage) {
        if container != other.container { container = "" }
        // What has no beginning began before all that is known.
        if !other.hasFrom || hasFrom && other.from.nanosecondsSince1970 < from.nanosecondsSince1970 {
            if other.hasFrom { from = other.from } else { clearFrom() }
        }
        if to.nanosecondsSince1970 < other.to.nanosecondsSince1970 { to = other.to }
        observedSeconds &+= other.observedSeconds
        for loss in other.lost {
            let same = lost.firstIndex { ($0.hook, $0.reason) == (loss.hook, loss.reason) }
            if let same { lost[same].count &+= loss.count } else { lost.append(loss) }
        }
        let reasons = why.isEmpty ? [] : why.split(separator: "; ").map(String.init)
        if !other.why.isEmpty, !reasons.contains(other.why), reasons.count < Self.reasonLimit {
            why = (reasons + [other.why]).joined(separator: "; ")
        }
    }

    private static let reasonLimit = 16

    private func losses(
        _ account: CoverageAccount, _ kind: FactKind?, _ discipline: Discipline
    ) -> [PostureLoss] {
        let kinds = kind.map { [$0] } ?? FactKind.allCases.filter { $0.discipline == discipline }
        var sums: [PostureLoss] = []
        for (key, count) in account.lost where kinds.contains(where: { $0.isFed(by: key.kind) }) {
            let (hook, reason) = (key.hookName, key.reasonName)
            if let place = sums.firstIndex(where: { ($0.hook, $0.reason) == (hook, reason) }) {
                sums[place].count &+= count
            } else {
                sums.append(PostureLoss.with { ($0.hook, $0.reason, $0.count) = (hook, reason, count) })
            }
        }
        return sums.sorted { ($1.count, $0.hook, $0.reason) < ($0.count, $1.hook, $1.reason) }
    }
}
