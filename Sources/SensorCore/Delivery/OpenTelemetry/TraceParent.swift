// SPDX-License-Identifier: Apache-2.0

/// The span that a call was made in: ids as bytes.
struct TraceParent: Equatable {
    var trace: [UInt8]
    var span: [UInt8]

    /// nil: it says none that is one.
    init?(_ call: PostureToolCall) {
        if let known = TraceParent(trace: call.span.traceID, span: call.span.spanID) {
            self = known
        } else if let known = TraceParent(call.traceparent) {
            self = known
        } else {
            return nil
        }
    }

    /// - Parameter text: as W3C Trace Context has it: `VERSION-TRACE-SPAN-FLAGS`.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts[0].utf8.count == 2, parts[0] != "ff" else { return nil }
        self.init(trace: String(parts[1]), span: String(parts[2]))
    }

    private init?(trace: String, span: String) {
        guard let trace = Hexadecimal.bytes(trace.utf8), let span = Hexadecimal.bytes(span.utf8), trace.count == 16,
            span.count == 8, trace.contains(where: { $0 != 0 }), span.contains(where: { $0 != 0 })
        else { return nil }
        (self.trace, self.span) = (trace, span)
    }
}
