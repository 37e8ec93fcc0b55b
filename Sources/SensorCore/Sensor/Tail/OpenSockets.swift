// SPDX-License-Identifier: Apache-2.0

/// The TCP sockets that a tail has seen open and not yet close.
package struct OpenSockets: Sendable {
    private struct Key: Hashable {
        var local: IPAddress?
        var localPort: UInt16?
        var peer: IPAddress?
        var peerPort: UInt16?

        /// `nil` for what has no end of its own to wait for.
        init?(_ event: borrowing Event) {
            guard case .network(let network) = event.detail, network.transport == .tcp || network.transport == .mptcp
            else { return nil }
            local = network.local?.address?.unmapped
            localPort = network.local?.port
            peer = network.peer?.address?.unmapped
            peerPort = network.peer?.port
        }
    }

    private var open: [Key: Event] = [:]
    private let capacity: Int

    /// - Parameter capacity: sockets beyond this are not waited for.
    package init(capacity: Int = 4096) { self.capacity = capacity }

    package var isEmpty: Bool { open.isEmpty }

    /// Takes the next event that a tail shows or could show.
    package mutating func take(_ event: borrowing Event) {
        switch event.kind {
        case .networkConnect, .networkAccept:
            guard event.errorNumber == 0, open.count < capacity, let key = Key(event) else { return }
            open[key] = copy event
        case .networkClose:
            guard !open.isEmpty, let key = Key(event) else { return }
            open[key] = nil
        default: break
        }
    }

    /// A `network.close` for each, marked as not final, in the order in which they were opened. They have no place in the
    /// stream, which goes on without them.
    ///
    /// - Parameter bootTime: now, and `time` the same on the wall clock.
    package func unfinished(bootTime: UInt64, time: UInt64) -> [Event] {
        open.values.sorted { $0.sequence < $1.sequence }.map { opened in
            var event = opened
            event.kind = .networkClose
            event.sequence = 0
            event.count = 1
            event.via = .daemon
            if case .network(var network) = opened.detail {
                network.isFinal = false
                if bootTime > opened.bootTime { network.duration = bootTime - opened.bootTime }
                event.detail = .network(network)
            }
            event.bootTime = bootTime
            event.time = time
            return event
        }
    }
}
