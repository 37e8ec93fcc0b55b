// SPDX-License-Identifier: Apache-2.0

extension CallChange {
    /// As a recording holds it: without what the call was called with, and with the secrets overwritten in whatever the
    /// pipeline redacts.
    func masked(by redactor: Redactor) -> CallChange {
        switch withoutTerms {
        case .begun(var call):
            if let grant = call.claims.authority?.grant { call.claims.authority?.grant = redactor.masked(grant) }
            return .begun(call)
        case .ended(var end):
            end.error = redactor.masked(end.error)
            return .ended(end)
        case .span(var call):
            call.error = redactor.masked(call.error)
            return .span(call)
        case .context(var context, let origin):
            for index in context.sources.indices {
                context.sources[index].uri = redactor.masked(context.sources[index].uri)
            }
            return .context(context, origin)
        case .anomaly(var anomaly, let origin):
            anomaly.expected = redactor.masked(anomaly.expected)
            anomaly.came = redactor.masked(anomaly.came)
            return .anomaly(anomaly, origin)
        case .set, .closed, .decision, .catalog, .model, .transition: return self
        }
    }
}

extension Redactor {
    /// A text that is redacted like a command line.
    fileprivate func masked(_ text: String) -> String {
        guard !text.isEmpty, let masked = masked((Array(text.utf8) + [0]).span.bytes) else { return text }
        return String(decoding: masked.dropLast(), as: UTF8.self)
    }
}
