// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

/// One run of the workload: what it said that it did, and the events that came of it.
struct Observation {
    let pid: UInt32
    let lines: [String]
    /// Those of the workload and its descendants, in the order of the stream.
    let events: [Event]

    /// Has `sensor-workload` do an activity, and collects what comes out of the far end.
    ///
    /// - Parameters:
    ///   - cgroup: where it does it.
    ///   - condition: what else must have come, besides all that the kernel saw before the workload said "done".
    ///   - end: what must have come once it has ended.
    static func of(
        _ activity: String, _ arguments: String..., cgroup: TestCgroup? = nil,
        waitingFor condition: ([Event]) -> Bool = { _ in true }, untilEnd end: ([Event]) -> Bool = { _ in true }
    ) throws -> Observation {
        try of(
            command: [WorkloadProcess.program, activity] + arguments, cgroup: cgroup, waitingFor: condition,
            untilEnd: end)
    }

    /// The same with any program, which need not say anything.
    static func of(
        command: [String], cgroup: TestCgroup? = nil, waitingFor condition: ([Event]) -> Bool = { _ in true },
        untilEnd end: ([Event]) -> Bool = { _ in true }
    ) throws -> Observation {
        let sensor = try TestSensor.shared.get()
        let process = try WorkloadProcess(command)
        try cgroup?.take(process.pid)
        let subscription = try sensor.subscribe(to: process.pid)
        defer { sensor.unsubscribe(subscription) }
        try process.openGate()
        let isDone = try process.readLines()
        if let failure = process.lines.first(where: { $0.hasPrefix("failed ") }) { throw TestFailure(failure) }
        func wait(_ condition: ([Event]) -> Bool) throws {
            try eventually { condition(subscription.collected) }
        }
        if isDone {
            try wait { $0.contains { $0.isDoneMark } }
            try wait(condition)
        }
        try process.finish()
        let pid = process.pid
        try wait { $0.contains { $0.kind == .processExit && $0.process?.pid == pid } }
        if !isDone { try wait(condition) }
        try wait(end)
        let events = subscription.collected.filter { !$0.isDoneMark }
        return Observation(pid: process.pid, lines: process.lines, events: events)
    }

    // MARK: What the workload said

    /// What it said first after a word.
    func said(_ word: String) throws -> String {
        try #require(all(word).first, "the workload said nothing of \(word): \(lines)")
    }

    func said(_ word: String, as type: UInt64.Type) throws -> UInt64 {
        try #require(UInt64(said(word)))
    }

    func all(_ word: String) -> [String] {
        lines.filter { $0.hasPrefix(word + " ") }.map { String($0.dropFirst(word.count + 1)) }
    }

    // MARK: What was seen

    func events(_ kinds: EventKind...) -> [Event] {
        events.filter { kinds.contains($0.kind) }
    }

    /// Events of file kinds about paths that begin with `prefix`.
    func files(under prefix: String, _ kinds: EventKind...) -> [Event] {
        events.filter { event in
            guard let file = event.file, kinds.isEmpty || kinds.contains(event.kind) else { return false }
            return file.path.text.hasPrefix(prefix) || file.newPath?.text.hasPrefix(prefix) == true
        }
    }

    /// The one event that there must be.
    func only(_ events: [Event], sourceLocation: SourceLocation = #_sourceLocation) throws -> Event {
        try #require(
            events.count == 1, "not one event: \(events.map(\.summary)); all: \(self.events.map(\.summary))",
            sourceLocation: sourceLocation)
        return events[0]
    }
}

extension Event {
    var file: FileDetail? { if case .file(let file) = detail { file } else { nil } }
    var network: NetworkDetail? { if case .network(let network) = detail { network } else { nil } }
    var syscall: SyscallDetail? { if case .syscall(let syscall) = detail { syscall } else { nil } }
    var identity: IdentityDetail? { if case .identity(let identity) = detail { identity } else { nil } }
    var exit: ExitDetail? { if case .exit(let exit) = detail { exit } else { nil } }
    var dns: DNSDetail? { if case .dns(let dns) = detail { dns } else { nil } }

    /// The last call of an activity.
    var isDoneMark: Bool {
        kind == .fileDelete && file?.path.text.hasSuffix("/sensor-workload-is-done") == true
    }

    /// For messages of failed expectations.
    var summary: String {
        var words = [kind.name, "\(process?.pid ?? 0)"]
        switch detail {
        case .file(let file):
            words += [file.path.text, file.newPath?.text, file.argumentPath?.text].compactMap { $0 }
            words += [file.pathSource.name] + file.access.names
        case .network(let network):
            words += [network.transport.name, "\(network.peer.map { "\($0)" } ?? "-")"]
        case .syscall(let syscall): words += [syscall.name, "\(syscall.result ?? 0)"]
        case .identity(let identity): words.append(identity.change)
        case .exit(let exit): words.append("\(exit.code)/\(exit.signal)")
        case .dns(let dns): words.append(dns.name)
        case .toolCall(let call): words += [call.id, call.name]
        case .context(let context): words.append(context.id)
        case .decision(let decision): words += [decision.call, decision.outcome]
        case .anomaly(let anomaly): words += [anomaly.rule.rawValue, anomaly.came]
        case .none: words += process?.arguments ?? []
        }
        if errorNumber != 0 { words.append("error \(errorNumber)") }
        return words.joined(separator: " ")
    }
}
