// SPDX-License-Identifier: Apache-2.0

internal import NIOConcurrencyHelpers
internal import NIOCore

/// The connections of a trace server: who made each, which is looked up once, and how many of them a workload has.
///
/// Whoever has too many loses the latest, before a request comes or not: one that says nothing would otherwise take
/// others' place for as long as a request may take.
final class TraceConnections: Sendable {
    private struct State {
        var senders: [ObjectIdentifier: Task<CallSender?, Never>] = [:]
        var workloads: [ObjectIdentifier: UInt64] = [:]
        var counts: [UInt64: Int] = [:]
    }

    private let limit: Int
    private let lookUp: @Sendable (any Channel) async -> CallSender?
    private let refuse: @Sendable () -> Void
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - limit: of one workload; those whose workload is not known are one.
    ///   - refuse: told of each that is closed for it.
    init(
        limit: Int, lookUp: @escaping @Sendable (any Channel) async -> CallSender?,
        refuse: @escaping @Sendable () -> Void
    ) {
        self.limit = limit
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
                if !self.take(id, sender?.workload ?? 0) {
                    self.refuse()
                    channel.close(promise: nil)
                }
                return sender
            }
        }
    }

    func close(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        state.withLockedValue { state in
            state.senders[id] = nil
            guard let workload = state.workloads.removeValue(forKey: id) else { return }
            state.counts[workload, default: 1] -= 1
            if state.counts[workload] == 0 { state.counts[workload] = nil }
        }
    }

    /// False: the workload has as many as it may. One that has gone meanwhile takes nothing.
    private func take(_ id: ObjectIdentifier, _ workload: UInt64) -> Bool {
        state.withLockedValue { state in
            guard state.senders[id] != nil else { return true }
            guard state.counts[workload, default: 0] < limit else { return false }
            state.counts[workload, default: 0] += 1
            state.workloads[id] = workload
            return true
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
