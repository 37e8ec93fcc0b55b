// SPDX-License-Identifier: Apache-2.0

import Logging
import NIOConcurrencyHelpers
import SensorCore

/// Logs what is lost while the daemon runs: a line for each of the workloads that lost most, every ten seconds at most;
/// and at once what goes wrong with collecting itself, and what is told less of for having too much to do.
///
/// The collecting thread only hands reports over; whoever calls `tell` does the writing.
final class LossLog: EventSink {
    private struct Sums {
        var workload: WorkloadDescription?
        var lost: [String: UInt64] = [:]
        var blind: [String: UInt64] = [:]

        var lostCount: UInt64 { lost.values.reduce(0, &+) }
    }

    private struct State {
        /// By what the workload is called.
        var waiting: [String: Sums] = [:]
        var troubles: [String] = []
        var notices: [OverloadNotice] = []
        var nextTime: UInt64 = 0
    }

    /// Workloads that get a line of their own, and causes within a line.
    private static let lines = 8
    private static let interval: UInt64 = 10_000_000_000

    private let state = NIOLockedValueBox(State())
    private let log: Logger
    private let attention: WakeUp

    /// - Parameter attention: signalled when there is something to tell.
    init(_ log: Logger, attention: WakeUp) {
        self.log = log
        self.attention = attention
    }

    func receive(_ events: [Event]) {}

    func finish() {}

    func receive(_ report: LossReport) {
        state.withLockedValue { state in
            for subject in report.subjects {
                let name = subject.workload.map(Self.name) ?? ""
                var sums = state.waiting[name] ?? Sums(workload: subject.workload)
                for loss in subject.lost {
                    let kind = loss.kind.isEmpty ? "" : " \(loss.kind)"
                    sums.lost["\(loss.hook) \(loss.reason)\(kind)", default: 0] &+= loss.count
                }
                sums.blind.merge(subject.blind, uniquingKeysWith: &+)
                state.waiting[name] = sums
            }
        }
        attention.signal()
    }

    func receive(trouble: String) {
        state.withLockedValue { $0.troubles.append(trouble) }
        attention.signal()
    }

    func receive(_ notice: OverloadNotice) {
        state.withLockedValue { $0.notices.append(notice) }
        attention.signal()
    }

    /// Logs what waits, if it is time; what went wrong, at once.
    ///
    /// - Parameter isEnd: it is time in any case.
    /// - Returns: after how many milliseconds to call again; -1 if nothing waits.
    @discardableResult
    func tell(isEnd: Bool = false) -> Int32 {
        let (troubles, notices) = state.withLockedValue { state in
            defer { (state.troubles, state.notices) = ([], []) }
            return (state.troubles, state.notices)
        }
        for notice in notices { tell(notice) }
        for trouble in troubles {
            log.error("collecting is not whole", metadata: ["error": "\(trouble)"])
        }
        let now = KernelSession.bootTime()
        let (waiting, patience): ([String: Sums], Int32) = state.withLockedValue { state in
            if state.waiting.isEmpty { return ([:], -1) }
            if now < state.nextTime, !isEnd { return ([:], Int32((state.nextTime - now) / 1_000_000 + 1)) }
            state.nextTime = now + Self.interval
            defer { state.waiting = [:] }
            return (state.waiting, -1)
        }
        tellLost(waiting)
        tellBlind(waiting)
        return patience
    }

    private func tell(_ notice: OverloadNotice) {
        var metadata: Logger.Metadata = ["what": "\(notice.reduction.name)", "limit": "\(notice.limit)"]
        if let workload = notice.workload { metadata["workload"] = "\(Self.name(workload))" }
        guard let end = notice.to else {
            log.warning("less is told: the sensor is near its limit", metadata: metadata)
            return
        }
        metadata["seconds"] = "\((end - notice.from) / 1_000_000_000)"
        log.notice("all is told again", metadata: metadata)
    }

    private func tellLost(_ waiting: [String: Sums]) {
        let lossy = waiting.map { (name: $0.key, count: $0.value.lostCount, causes: $0.value.lost) }
            .filter { $0.count > 0 }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
        for (name, count, causes) in lossy.prefix(Self.lines) {
            var metadata: Logger.Metadata = ["lost": "\(count)", "causes": "\(Self.text(causes))"]
            if !name.isEmpty { metadata["workload"] = "\(name)" }
            log.warning("events were lost", metadata: metadata)
        }
        let others = lossy.dropFirst(Self.lines)
        if others.isEmpty { return }
        let sum = others.reduce(0) { $0 &+ $1.count }
        log.warning(
            "events of further workloads were lost", metadata: ["lost": "\(sum)", "workloads": "\(others.count)"])
    }

    private func tellBlind(_ waiting: [String: Sums]) {
        var all: [String: UInt64] = [:]
        for sums in waiting.values { all.merge(sums.blind, uniquingKeysWith: &+) }
        if all.isEmpty { return }
        let workloads = waiting.values.count { !$0.blind.isEmpty }
        log.notice(
            "operations that no event tells of", metadata: ["blind": "\(Self.text(all))", "workloads": "\(workloads)"])
    }

    private static func text(_ counts: [String: UInt64]) -> String {
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let told = sorted.prefix(lines).map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        return sorted.count > lines ? told + ", …" : told
    }

    private static func name(_ workload: WorkloadDescription) -> String {
        let identity = workload.identity
        let path = [identity.namespace, identity.name].filter { !$0.isEmpty }.joined(separator: "/")
        let name = path.isEmpty ? workload.cgroup.text : path
        let container = workload.container.map { $0.name.isEmpty ? $0.id : $0.name } ?? ""
        return [workload.kind, name, container].filter { !$0.isEmpty }.joined(separator: " ")
    }
}
