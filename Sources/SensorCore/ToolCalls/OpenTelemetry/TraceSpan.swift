// SPDX-License-Identifier: Apache-2.0

/// A span's id and its trace's: what no other span has.
struct SpanKey: Hashable, Sendable {
    var traceHigh: UInt64
    var traceLow: UInt64
    var span: UInt64

    /// nil: ids of 16 and 8 bytes, not all of them 0, are expected.
    init?(trace: ArraySlice<UInt8>, span: ArraySlice<UInt8>) {
        guard trace.count == 16, let own = Self.integer(span) else { return nil }
        traceHigh = trace.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        traceLow = trace.suffix(8).reduce(0) { $0 << 8 | UInt64($1) }
        self.span = own
        guard traceHigh | traceLow != 0 else { return nil }
    }

    /// The number that a span id is; nil if it is none.
    static func integer(_ bytes: ArraySlice<UInt8>) -> UInt64? {
        guard bytes.count == 8 else { return nil }
        let value = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return value == 0 ? nil : value
    }

    /// Another span of the same trace.
    func sibling(_ span: UInt64) -> SpanKey {
        var key = self
        key.span = span
        return key
    }
}

/// Attributes that are read; of all others not even the value is looked at.
enum TraceAttribute: String, CaseIterable, Sendable {
    case operation = "gen_ai.operation.name"
    case tool = "gen_ai.tool.name"
    case call = "gen_ai.tool.call.id"
    case agentName = "gen_ai.agent.name"
    case agentID = "gen_ai.agent.id"
    case agentVersion = "gen_ai.agent.version"
    case conversation = "gen_ai.conversation.id"
    case mcpMethod = "mcp.method.name"
    case mcpSession = "mcp.session.id"
    case error = "error.type"
    case service = "service.name"
    case pod = "k8s.pod.uid"
    case container = "k8s.container.name"

    /// Longer values are cut.
    static let valueBytes = 256
}

/// A span as its exporter sent it, as far as it is read.
struct TraceSpan: Sendable {
    /// nil: it has no valid ids.
    var key: SpanKey?
    /// 0: it has none.
    var parent: UInt64 = 0
    var name = ""
    /// Wall clock, ns since 1970.
    var begin: UInt64 = 0
    var end: UInt64 = 0
    var attributes: [TraceAttribute: String] = [:]
    var isError = false

    static let executeTool = "execute_tool"
    static let toolsCall = "tools/call"

    /// Whether it is the call of a tool.
    var isCall: Bool {
        attributes[.operation] == Self.executeTool || attributes[.mcpMethod] == Self.toolsCall
            || name == Self.executeTool || name.hasPrefix(Self.executeTool + " ")
    }

    /// The tool's name: what it says, or what stands in its own name behind the operation's.
    var tool: String {
        if let tool = attributes[.tool], !tool.isEmpty { return tool }
        for operation in [Self.executeTool, Self.toolsCall] where name.hasPrefix(operation + " ") {
            return String(name.dropFirst(operation.count + 1))
        }
        return ""
    }
}

/// Of an export request, what is read.
struct TraceRequest: Sendable {
    /// Spans that one request may have.
    static let spanLimit = 16_384

    struct Call: Sendable {
        var span: TraceSpan
        /// Of its resource.
        var resource: [TraceAttribute: String]
    }

    /// Spans that are calls of tools.
    private(set) var calls: [Call] = []
    /// Of all spans that have one.
    private(set) var parents: [SpanKey: UInt64] = [:]
    private(set) var spanCount = 0

    mutating func add(_ span: TraceSpan) throws(TraceFault) {
        spanCount += 1
        guard spanCount <= Self.spanLimit else { throw TraceFault("more than \(Self.spanLimit) spans") }
        if let key = span.key, span.parent != 0 { parents[key] = span.parent }
        if span.isCall { calls.append(Call(span: span, resource: [:])) }
    }

    /// The resource of the calls from `first` on.
    mutating func setResource(_ resource: [TraceAttribute: String], from first: Int) {
        for index in calls.indices.dropFirst(first) { calls[index].resource = resource }
    }

    /// What a call was made within, as far as the request has it: the nearest first.
    func ancestors(of call: Call) -> [UInt64] {
        guard let key = call.span.key else { return [] }
        var found: [UInt64] = []
        var next = call.span.parent
        while next != 0, next != key.span, found.count < Self.ancestorLimit, !found.contains(next) {
            found.append(next)
            next = parents[key.sibling(next)] ?? 0
        }
        return found
    }

    static let ancestorLimit = 16
}
