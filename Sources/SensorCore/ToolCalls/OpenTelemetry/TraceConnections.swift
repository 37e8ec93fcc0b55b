// SPDX-License-Identifier: Apache-2.0

internal import NIOConcurrencyHelpers
internal import NIOCore

/// The connections of a trace server: who made each, which is looked up once, and how many of them a workload has.
///
/// Whoever has too many loses the latest, before a request comes or not: one that says nothing would otherwise take
/// others' place for as long as a request may take. Where all are taken, so does whoever has most of them.
final class TraceConnections: Sendable {
    private struct Known {
        var channel: any Channel
        var workload: UInt64
        /// Of those that came later it is higher.
        var number: UInt64
    }

    private struct State {
        var senders: [ObjectIdentifier: Task<CallSender?, Never>] = [:]
        /// Those that have a place.
        var known: [ObjectIdentifier: Known] = [:]
        var counts: [UInt64: Int] = [:]
        var latest: UInt64 = 0

        mutating func remove(_ id: ObjectIdentifier) -> Known? {
            guard let gone = known.removeValue(forKey: id) else { return nil }
            counts[gone.workload, default: 1] -= 1
            if counts[gone.workload] == 0 { counts[gone.workload] = nil }
            return gone
        }
    }

    private let limit: Int
    private let total: Int
    private let lookUp: @Sendable (any Channel) async -> CallSender?
    private let refuse: @Sendable () -> Void
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - limit: of one workload; those whose workload is not known are one.
    ///   - total: of all.
    ///   - refuse: told of each that is closed for it.
    init(
        limit: Int, total: Int, lookUp: @escaping @Sendable (any Channel) async -> CallSender?,
        refuse: @escaping @Sendable () -> Void
    ) {
        self.limit = limit
        self.total = total
        self.lookUp = lookUp
        self.refuse = refuse
    }

    /// Who made a connection, by the kernel's word.
    func sender(of channel: any Channel) async -> CallSender? {
        let known = state.withLockedValue { $0.senders[ObjectIdentifier(channel)] }
        guard let known else { return await lookUp(channel) }
        return await known.value
    }

    func open(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        state.withLockedValue { state in
            state.senders[id] = Task {
                let sender = await self.lookUp(channel)
                if let refused = self.take(id, channel, sender?.workload ?? 0) {
                    self.refuse()
                    refused.close(promise: nil)
                }
                return sender
            }
        }
    }

    func close(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        state.withLockedValue { state in
            state.senders[id] = nil
            _ = state.remove(id)
        }
    }

    /// Gives a connection its place. One that has gone meanwhile takes none.
    ///
    /// - Returns: the connection that has to go: this one or another.
    private func take(_ id: ObjectIdentifier, _ channel: any Channel, _ workload: UInt64) -> (any Channel)? {
        state.withLockedValue { state in
            guard state.senders[id] != nil else { return nil }
            let own = state.counts[workload, default: 0]
            guard own < limit else { return channel }
            var refused: (any Channel)?
            if state.known.count >= total {
                let most = state.known.max { left, right in
                    (state.counts[left.value.workload, default: 0], left.value.number)
                        < (state.counts[right.value.workload, default: 0], right.value.number)
                }
                guard let most, state.counts[most.value.workload, default: 0] > own + 1 else { return channel }
                refused = state.remove(most.key)?.channel
            }
            state.latest += 1
            state.known[id] = Known(channel: channel, workload: workload, number: state.latest)
            state.counts[workload, default: 0] += 1
            return refused
        }
    }

    /// Tells of a connection's beginning and end.
    final class Watch: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = NIOAny

        private let connections: TraceConnections
        private var isOpen = false

        init(_ connections: TraceConnections) { self.connections = connections }

        func handlerAdded(context: ChannelHandlerContext) {
            isOpen = true
            connections.open(context.channel)
        }

        func channelInactive(context: ChannelHandlerContext) {
            end(context)
            context.fireChannelInactive()
        }

        func handlerRemoved(context: ChannelHandlerContext) { end(context) }

        private func end(_ context: ChannelHandlerContext) {
            guard isOpen else { return }
            isOpen = false
            connections.close(context.channel)
        }
    }
}
