// SPDX-License-Identifier: Apache-2.0

/// A tool call that a span has told of, after the fact.
package struct SpanCall: Sendable, Equatable, Codable {
    /// In hexadecimal.
    package var trace: String
    package var span: String
    /// Spans that it was made within, the nearest first, as far as they are known.
    package var ancestors: [String]
    package var id: String
    /// Of the tool.
    package var name: String
    package var session: String
    /// What an MCP session goes by that has no other name: whoever knows its id may speak in it.
    package var mcpSession: KeyedDigest?
    package var status: String
    package var error: String
    package var service: String
    package var agentName: String
    package var agentID: String
    package var agentVersion: String
    /// Boot clock, ns.
    package var begin: UInt64
    package var end: UInt64
    package var received: UInt64
    /// Who sent it, as the initial pid namespace has it; 0: not known.
    package var process: UInt32
    /// Id of the sender's cgroup in the tracked hierarchy; 0: not known.
    package var cgroup: UInt64
    /// Whose it is, where the sender is the forwarder that the operator trusts.
    package var forwarded: Forwarded?

    package struct Forwarded: Sendable, Equatable, Codable {
        /// The workload whose word that is: `KIND/NAME`.
        package var by: String
        /// The pod's UID, and the name of one of its containers, or nothing.
        package var pod: String
        package var container: String
    }
}

extension SpanCall {
    /// - Parameter clock: what turns the span's wall clock into the boot clock, read when the request came.
    /// - Returns: nil where the span has no valid ids, or times that cannot be.
    init?(
        _ call: TraceRequest.Call, ancestors: [UInt64], sender: CallSender?, clock: ClockReading, forwarder: String?,
        digests: DigestKeys?
    ) {
        let span = call.span
        guard let key = span.key, let begin = clock.boot(ofWall: span.begin), let end = clock.boot(ofWall: span.end),
            begin <= end, end <= clock.boot &+ Self.futureLimit
        else { return nil }
        trace = Self.hexadecimal(key.traceHigh) + Self.hexadecimal(key.traceLow)
        self.span = Self.hexadecimal(key.span)
        self.ancestors = ancestors.map(Self.hexadecimal)
        id = span.attributes[.call] ?? ""
        if id.isEmpty { id = self.span }
        name = span.tool
        session = span.attributes[.conversation] ?? ""
        if session.isEmpty, let id = span.attributes[.mcpSession] { mcpSession = digests?.reduce(id, .session) }
        error = span.attributes[.error] ?? ""
        status = span.isError || !error.isEmpty ? "error" : "ok"
        service = call.resource[.service] ?? ""
        agentName = span.attributes[.agentName] ?? ""
        agentID = span.attributes[.agentID] ?? ""
        agentVersion = span.attributes[.agentVersion] ?? ""
        self.begin = begin
        self.end = end
        received = clock.boot
        process = sender?.process.id ?? 0
        cgroup = sender?.cgroup ?? 0
        if let forwarder, let pod = call.resource[.pod], !pod.isEmpty {
            forwarded = Forwarded(by: forwarder, pod: pod, container: call.resource[.container] ?? "")
        }
    }

    /// How far ahead of this host's clock a span may end.
    private static let futureLimit: UInt64 = 1_000_000_000

    private static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}

extension ClockReading {
    /// The moment on the boot clock; nil: it is before that began, or no time at all.
    fileprivate func boot(ofWall wall: UInt64) -> UInt64? {
        let boot = wall &- UInt64(bitPattern: wallOffset)
        return wall == 0 || boot > UInt64(Int64.max) ? nil : boot
    }
}
