// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import Testing

@testable import SensorCore

@Suite struct TraceReceiverTests {
    /// Ten seconds after the recorded spans began.
    private static let clock = ClockReading(
        boot: 60_000_000_000, wallOffset: Int64(TraceRecording.begin) - 50_000_000_000)

    private let told = NIOLockedValueBox<[SpanCall]>([])
    private let sender = CallSender(process: CallTask(id: 7, start: 1), cgroup: 42, workload: 42)

    private func receiver(
        forwarder: String? = nil, digests: DigestKeys? = nil, limits: TraceAllowance.Limits = .init(),
        clock: ClockReading = Self.clock,
        backlog: @escaping @Sendable () -> CallInbox.Backlog = { CallInbox.Backlog() }
    ) -> TraceReceiver {
        TraceReceiver(
            forwarder: forwarder, digests: digests, limits: limits, clock: { clock }, backlog: backlog,
            tell: { [told] change in
                if case .span(let call) = change { told.withLockedValue { $0.append(call) } }
            })
    }

    @Test(arguments: [false, true]) func `spans become calls, with times of the boot clock`(_ isPacked: Bool) throws {
        let answer = receiver().receive(
            isPacked ? TraceRecording.gzip : TraceRecording.protobuf, .protobuf, isPacked ? .gzip : .none, from: sender)
        #expect(answer == TraceAnswer(status: 200, body: [], contentType: "application/x-protobuf"))
        let calls = told.withLockedValue { $0 }
        try #require(calls.count == 2)
        #expect(
            calls[1]
                == SpanCall(
                    trace: "0102030405060708090a0b0c0d0e0f10", span: "1111111111111112",
                    ancestors: ["1111111111111111"], id: "call_1", name: "read_file", session: "conv_7", status: "ok",
                    error: "", service: "planner", agentName: "planner", agentID: "asst_5", agentVersion: "",
                    begin: 51_000_000_000, end: 52_000_000_000, received: 60_000_000_000, process: 7, cgroup: 42))
        #expect(calls[0].id == "1111111111111113")
        #expect(calls[0].session == "" && calls[0].mcpSession == nil)
        #expect(calls[0].status == "error")
        #expect(calls[0].error == "tool_error")
        #expect(calls[0].ancestors == ["1111111111111112", "1111111111111111"])
    }

    @Test func `an MCP session's id leaves nothing but a digest`() throws {
        let keys = DigestKeys(root: Array("0123456789abcdef".utf8))
        _ = receiver(digests: keys).receive(TraceRecording.protobuf, .protobuf, .none, from: sender)
        let calls = told.withLockedValue { $0 }
        try #require(calls.count == 2)
        #expect(calls[0].session == "" && calls[0].mcpSession == keys.reduce("mcp-9", .session))
        // Where the conversation has a name, that is the session's.
        #expect(calls[1].session == "conv_7" && calls[1].mcpSession == nil)
    }

    @Test func `JSON is answered in JSON`() {
        let answer = receiver().receive(Array(TraceRecording.json.utf8), .json, .none, from: nil)
        #expect(answer == TraceAnswer(status: 200, body: Array("{}".utf8), contentType: "application/json"))
        #expect(told.withLockedValue { $0.map(\.cgroup) } == [0, 0])
    }

    @Test func `only a trusted forwarder's word is taken along`() {
        _ = receiver(forwarder: "DaemonSet/collector").receive(TraceRecording.protobuf, .protobuf, .none, from: sender)
        #expect(
            told.withLockedValue { $0.first?.forwarded }
                == .init(by: "DaemonSet/collector", pod: "4f0f1b7e-0000-4000-8000-000000000001", container: ""))
    }

    /// Before the boot clock began; later than now.
    @Test(arguments: [10_000_000_000, -80_000_000_000])
    func `calls at times that cannot be are rejected, and that is said`(_ offset: Int64) {
        let receiver = receiver(
            clock: ClockReading(boot: 60_000_000_000, wallOffset: Int64(TraceRecording.begin) + offset))
        let answer = receiver.receive(TraceRecording.protobuf, .protobuf, .none, from: sender)
        #expect(answer.status == 200)
        #expect(answer.body.starts(with: [0x0a, UInt8(answer.body.count - 2), 0x08, 2, 0x12]))
        let json = receiver.receive(Array(TraceRecording.json.utf8), .json, .none, from: sender)
        #expect(String(decoding: json.body, as: UTF8.self).hasPrefix(#"{"partialSuccess":{"rejectedSpans":"2","#))
        #expect(told.withLockedValue { $0.isEmpty })
    }

    @Test func `what is not whole, not packed as it says, or no message is refused`() {
        let receiver = receiver()
        let gzip = TraceRecording.gzip
        for body in [Array(gzip.dropLast(9)), Array(gzip.dropLast()), TraceRecording.protobuf, [], gzip + [1, 2, 3]] {
            let answer = receiver.receive(body, .protobuf, .gzip, from: sender)
            #expect(answer.status == 400)
            // google.rpc.Status with a message.
            #expect(answer.body.first == 0x12)
        }
        #expect(receiver.receive(gzip, .protobuf, .none, from: sender).status == 400)
        let json = receiver.receive(Array("{".utf8), .json, .none, from: sender)
        #expect(json.status == 400)
        #expect(json.contentType == "application/json")
        #expect(String(decoding: json.body, as: UTF8.self).hasPrefix(#"{"message":""#))
        #expect(told.withLockedValue { $0.isEmpty })
    }

    @Test func `a small body that becomes a large one is refused before it does`() {
        let receiver = receiver()
        // Eight pieces are just what may be: zeros, which are no message. Nine are more.
        let most = Array(repeating: TraceRecording.packedZeros, count: 8).flatMap { $0 }
        #expect(receiver.receive(most, .protobuf, .gzip, from: sender).status == 400)
        let more = most + TraceRecording.packedZeros
        #expect(more.count < 8192)
        #expect(receiver.receive(more, .protobuf, .gzip, from: sender).status == 413)
        #expect(
            receiver.receive([UInt8](repeating: 0, count: (4 << 20) + 1), .protobuf, .none, from: sender).status == 413)
    }

    @Test func `who sends too much waits, and nobody else does`() throws {
        var limits = TraceAllowance.Limits()
        (limits.calls, limits.burst) = (1, 2)
        let receiver = receiver(limits: limits)
        #expect(receiver.refusal(of: sender, .protobuf) == nil)
        for _ in 0..<3 { _ = receiver.receive(TraceRecording.protobuf, .protobuf, .none, from: sender) }
        let refusal = try #require(receiver.refusal(of: sender, .protobuf))
        #expect(refusal.status == 429)
        // Six were sent and two allowed: one a second is paid back, and one more has to be there.
        #expect(refusal.retryAfter == 5)
        #expect(receiver.refusal(of: CallSender(process: sender.process, cgroup: 43, workload: 43), .protobuf) == nil)
        #expect(receiver.refusal(of: nil, .protobuf) == nil)
    }

    @Test func `who has too much that waits for the pipeline waits until that is taken`() {
        var limits = TraceAllowance.Limits()
        (limits.waiting, limits.backlog, limits.share) = (4, 100, 2)
        let backlog = NIOLockedValueBox(CallInbox.Backlog(takes: 7, changes: 1))
        let receiver = receiver(limits: limits, backlog: { backlog.withLockedValue { $0 } })
        let other = CallSender(process: sender.process, cgroup: 43, workload: 43)
        func send(_ sender: CallSender) -> Int {
            receiver.receive(TraceRecording.protobuf, .protobuf, .none, from: sender).status
        }
        // Two calls each.
        #expect(send(sender) == 200)
        #expect(receiver.refusal(of: sender, .protobuf) == nil)
        #expect(send(sender) == 200)
        #expect(receiver.refusal(of: sender, .protobuf)?.status == 429)
        #expect(receiver.refusal(of: sender, .protobuf)?.retryAfter == 1)
        #expect(send(sender) == 429)
        // Where others have filled it, each has a share.
        backlog.withLockedValue { $0.changes = 100 }
        #expect(send(other) == 200)
        #expect(send(other) == 429)
        #expect(told.withLockedValue { $0.count } == 6)
        backlog.withLockedValue { $0 = .init(takes: 8, changes: 1) }
        for sender in [sender, other] { #expect(receiver.refusal(of: sender, .protobuf) == nil) }
    }

    @Test func `what was owed is paid back with time`() {
        var limits = TraceAllowance.Limits()
        (limits.bytes, limits.burst) = (1000, 2)
        var allowance = TraceAllowance(limits: limits, at: 0)
        allowance.take(1, calls: 0, bytes: 4000, at: 0)
        #expect(allowance.wait(1, at: 0) == 3)
        #expect(allowance.wait(1, at: 1_990_000_000) == 1)
        #expect(allowance.wait(1, at: 2_010_000_000) == nil)
        // Small steps of time add up.
        allowance.take(2, calls: 0, bytes: 2000, at: 0)
        for time in stride(from: UInt64(0), to: 100_000_000, by: 1_000_000) { _ = allowance.wait(2, at: time) }
        #expect(allowance.wait(2, at: 100_000_000) == nil)
    }

    @Test func `senders beyond those that are counted share one count`() {
        var limits = TraceAllowance.Limits()
        (limits.calls, limits.burst, limits.senders) = (1, 1, 2)
        var allowance = TraceAllowance(limits: limits, at: 0)
        for cgroup in 1...4 as ClosedRange<UInt64> { allowance.take(cgroup, calls: 1, bytes: 0, at: 0) }
        #expect(allowance.wait(9, at: 0) != nil)
        // With time the first are forgotten, and there is room.
        #expect(allowance.wait(9, at: 5_000_000_000) == nil)
    }
}
