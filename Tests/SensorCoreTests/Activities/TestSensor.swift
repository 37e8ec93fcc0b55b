// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOConcurrencyHelpers
import SensorCore

/// The whole way from the kernel to events, for all kernel tests of this process: it reports nothing but what is in
/// their scopes, and streams all of that.
final class TestSensor: EventSink, Sendable {
    /// What the events of one process tree are collected in.
    final class Subscription: Sendable {
        fileprivate let events = NIOLockedValueBox<[Event]>([])

        var collected: [Event] { events.withLockedValue { $0 } }
    }

    /// Made by the first test that asks, or the reason why there is none.
    static let shared: Result<TestSensor, CollectorError> = {
        var configuration = CollectorConfiguration()
        configuration.stream = .scoped
        configuration.kernel.scopeOnly = true
        // Some tests are floods, and their last call must not get lost.
        configuration.kernel.lifecycleRingBytes = 16 << 20
        configuration.kernel.activityRingBytes = 16 << 20
        configuration.kernel.ringBudget = 16 << 20
        // The tests wait for batches more than for anything else.
        configuration.kernel.batchMilliseconds = 5
        let inbox = CallInbox()
        configuration.calls = inbox
        do throws(CollectorError) {
            let collector = try Collector(configuration, sinks: [])
            let sensor = TestSensor(collector, inbox)
            collector.add(sensor)
            return .success(sensor)
        } catch {
            return .failure(error)
        }
    }()

    let collector: Collector
    /// Where tests tell of tool calls.
    let calls: CallInbox
    /// Whose events go where; children of a process are added as they come.
    private let owners = NIOLockedValueBox<[UInt32: Subscription]>([:])

    init(_ collector: Collector, _ calls: CallInbox) {
        self.collector = collector
        self.calls = calls
    }

    /// Watches a process and what it forks from now on.
    func subscribe(to pid: UInt32) throws -> Subscription {
        let subscription = Subscription()
        owners.withLockedValue { $0[pid] = subscription }
        try collector.addScope(process: pid, descendants: true)
        return subscription
    }

    func unsubscribe(_ subscription: Subscription) {
        owners.withLockedValue { owners in owners = owners.filter { $0.value !== subscription } }
    }

    func receive(_ events: [Event]) {
        owners.withLockedValue { owners in
            for event in events {
                // What the kernel has counted by a tick was streamed before.
                guard let process = event.process, event.isStreamed else { continue }
                if event.kind == .processFork, let owner = owners[Self.pid(of: process.parentID)] {
                    owners[process.pid] = owner
                }
                owners[process.pid]?.events.withLockedValue { $0.append(event) }
            }
        }
    }

    func finish() {}

    /// Losses of a kind since the start, in the kernel and after it.
    func losses(_ reason: LossReason, cgroup: UInt64? = nil) -> UInt64 {
        collector.summary().losses.counts.reduce(0) { sum, loss in
            loss.key.reason == reason.rawValue && loss.key.cgroup == cgroup ?? loss.key.cgroup ? sum + loss.value : sum
        }
    }

    /// The pid in a process's id; 0 if it is none.
    static func pid(of id: String) -> UInt32 {
        let parts = id.split(separator: "-")
        return parts.count == 3 ? UInt32(parts[1]) ?? 0 : 0
    }
}

/// What a test cannot go on without.
struct TestFailure: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) { self.description = description }
}
