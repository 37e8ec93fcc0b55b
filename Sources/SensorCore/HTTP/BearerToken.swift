// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// The token that requests carry. One from a file is read anew when it is a minute old, as the kubelet rotates it, and
/// at once when the server refuses it. Shows itself nowhere.
final class BearerToken: Sendable, CustomStringConvertible {
    private struct State: Sendable {
        var text: String?
        var readAt: ContinuousClock.Instant?
    }

    private static let maximumAge = Duration.seconds(60)

    private let file: String?
    private let state: NIOLockedValueBox<State>

    init(_ text: String) {
        file = nil
        state = NIOLockedValueBox(State(text: text))
    }

    init(file: String) {
        self.file = file
        state = NIOLockedValueBox(State())
    }

    var description: String { "(a token)" }

    /// - Throws: when the file cannot be read and no earlier token is known.
    func current() throws(EndpointError) -> String {
        guard let file else { return state.withLockedValue { $0.text ?? "" } }
        let now = ContinuousClock.now
        let (known, isFresh) = state.withLockedValue { state in
            (state.text, state.readAt.map { now - $0 < Self.maximumAge } ?? false)
        }
        if let known, isFresh { return known }
        do throws(EndpointError) {
            let text = String(decoding: try SmallFile.read(file, limit: 65536), as: UTF8.self).filter {
                !$0.isWhitespace
            }
            guard !text.isEmpty else { throw EndpointError("empty") }
            state.withLockedValue { $0 = State(text: text, readAt: now) }
            return text
        } catch {
            if let known { return known }
            throw EndpointError("the token in \(file) cannot be read: \(error)")
        }
    }

    /// The server does not take it: the next one is read anew.
    func refuse() { state.withLockedValue { $0.readAt = nil } }
}
