// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

@testable import SensorCore

@Suite(.timeLimit(.minutes(5))) struct TraceConnectionsTests {
    private let refused = NIOLockedValueBox(0)
    private let workloads = NIOLockedValueBox<[ObjectIdentifier: UInt64]>([:])

    private func connections(limit: Int, total: Int) -> TraceConnections {
        TraceConnections(limit: limit, total: total) { [workloads] channel in
            let workload = workloads.withLockedValue { $0[ObjectIdentifier(channel)] ?? 0 }
            return CallSender(process: CallTask(id: 1, start: 1), cgroup: workload, workload: workload)
        } refuse: { [refused] in
            refused.withLockedValue { $0 += 1 }
        }
    }

    /// A connection of that workload, which has its place or none when this returns.
    private func open(
        _ connections: TraceConnections, of workload: UInt64
    ) async throws -> (channel: any Channel, peer: SocketEnd) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw SystemError("socketpair") }
        let peer = SocketEnd(ends[1])
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .withConnectedSocket(ends[0]).get()
        workloads.withLockedValue { $0[ObjectIdentifier(channel)] = workload }
        connections.open(channel)
        _ = await connections.sender(of: channel)
        return (channel, peer)
    }

    @Test func `where all places are taken whoever has most loses the latest`() async throws {
        let connections = connections(limit: 3, total: 4)
        var held: [(channel: any Channel, peer: SocketEnd)] = []
        for workload: UInt64 in [1, 1, 1, 2] { held.append(try await open(connections, of: workload)) }
        #expect(refused.withLockedValue { $0 } == 0)
        let third = try await open(connections, of: 3)
        try await held[2].channel.closeFuture.get()
        #expect(refused.withLockedValue { $0 } == 1)
        // Who has no fewer than the others is refused himself.
        let fourth = try await open(connections, of: 1)
        try await fourth.channel.closeFuture.get()
        #expect(refused.withLockedValue { $0 } == 2)
        // A place that is given back is the next one's.
        connections.close(held[0].channel)
        let fifth = try await open(connections, of: 2)
        #expect(refused.withLockedValue { $0 } == 2)
        for channel in [held[0].channel, held[1].channel, held[3].channel, third.channel, fifth.channel] {
            #expect(channel.isActive)
            try await channel.close()
        }
    }
}
