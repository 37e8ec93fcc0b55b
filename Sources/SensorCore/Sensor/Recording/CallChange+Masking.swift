// SPDX-License-Identifier: Apache-2.0

extension CallChange {
    /// As a recording holds it: without what the call was called with, and with the secrets overwritten in whatever the
    /// pipeline redacts.
    func masked(by redactor: Redactor) -> CallChange {
        let masked = withoutTerms.mapping(text: redactor.masked, name: redactor.masked)
        guard case .span(var call) = masked else { return masked }
        call.mcpSession = nil
        return .span(call)
    }
}

extension Redactor {
    /// A text that is redacted like a command line.
    fileprivate func masked(_ text: String) -> String {
        guard !text.isEmpty, let masked = masked((Array(text.utf8) + [0]).span.bytes) else { return text }
        return String(decoding: masked.dropLast(), as: UTF8.self)
    }
}
