// SPDX-License-Identifier: Apache-2.0

import SensorCore
import SwiftProtobuf
import Testing

@Suite struct EventEncoderPropertyTests {
    @Test(arguments: 0..<16 as Range<UInt64>)
    func `whatever bytes its names are, a line is what the schema makes of the event`(_ seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        for _ in 0..<100 {
            let event = random.event()
            let line = EventEncoderTests.line(of: event)
            let message = PostureEvent(event, stream: EventSample.stream)
            #expect(try PostureEvent(jsonString: line) == message, "\(line)")
        }
    }

    @Test func `whatever the time is, it is written as the schema reads it`() throws {
        var random = SplitMix(seed: 1)
        var event = EventSample("", .fileOpen).event
        for _ in 0..<5000 {
            event.time = random.next() >> UInt64.random(in: 0...40, using: &random)
            let message = try PostureEvent(jsonString: EventEncoderTests.line(of: event))
            #expect(message.time.seconds == Int64(event.time / 1_000_000_000))
            #expect(message.time.nanos == Int32(event.time % 1_000_000_000))
        }
    }
}

extension SplitMix {
    /// Bytes of which many mean something to JSON or UTF-8.
    fileprivate mutating func name() -> ByteString {
        let count = Int.random(in: 0...40, using: &self)
        let alphabet: [UInt8] = [
            0, 9, 10, 0x1f, 0x22, 0x2f, 0x5c, 0x61, 0x7f, 0x80, 0x9b, 0xa0, 0xc2, 0xe2, 0xed, 0xf0, 0xff,
        ]
        let style = UInt8.random(in: 0..<4, using: &self)
        return ByteString(
            (0..<count).map { _ in
                switch style {
                case 0: .random(in: 0x20..<0x7f, using: &self)
                case 1: .random(in: 0...0xff, using: &self)
                default: alphabet.randomElement(using: &self) ?? 0
                }
            })
    }

    fileprivate mutating func text() -> String { name().text }

    fileprivate mutating func maybe<Value>(_ make: (inout SplitMix) -> Value) -> Value? {
        Bool.random(using: &self) ? make(&self) : nil
    }

    fileprivate mutating func integer<Value: FixedWidthInteger>() -> Value {
        Value(truncatingIfNeeded: next() >> UInt64.random(in: 0...63, using: &self))
    }

    fileprivate mutating func address() -> IPAddress {
        Bool.random(using: &self) ? IPAddress(ipv4: integer()) : IPAddress(ipv6High: integer(), low: integer())
    }

    fileprivate mutating func endpoint() -> Endpoint {
        Endpoint(
            address: maybe { $0.address() }, port: maybe { $0.integer() }, names: [text(), text()],
            path: maybe { $0.name() }, contextID: maybe { $0.integer() })
    }

    fileprivate mutating func state() -> IdentityState {
        func small() -> UInt32 { .random(in: 0...1, using: &self) }
        func identifiers() -> IdentityState.Identifiers {
            .init(real: small(), effective: small(), saved: small(), fileSystem: small())
        }
        return IdentityState(
            user: identifiers(), group: identifiers(),
            capabilities: .init(
                permitted: integer(), effective: integer(), inheritable: 0, bounding: integer(), ambient: 0),
            namespaces: .init(pid: small(), mount: small(), network: small(), user: integer(), cgroup: integer()),
            securebits: maybe { .random(in: 0...1, using: &$0) },
            groups: maybe { .init(count: .random(in: 0...9, using: &$0), first: [$0.integer(), $0.integer()]) })
    }

    fileprivate mutating func detail() -> EventDetail {
        switch UInt8.random(in: 0..<7, using: &self) {
        case 0: .none
        case 1: .exit(ExitDetail(code: integer(), signal: Int32.random(in: 0...70, using: &self)))
        case 2:
            .network(
                NetworkDetail(
                    direction: .egress, transport: Transport.allCases.randomElement(using: &self) ?? .other,
                    peer: maybe { $0.endpoint() }, translated: maybe { $0.endpoint() }, local: maybe { $0.endpoint() },
                    bytesSent: maybe { $0.integer() }, bytesReceived: maybe { $0.integer() },
                    duration: maybe { $0.integer() }, isFinal: maybe { .random(using: &$0) }))
        case 3:
            .syscall(
                SyscallDetail(
                    name: text(), number: integer(), result: maybe { $0.integer() }, arguments: [integer(), integer()],
                    strings: [.init(text(), name()), .init(text(), name())], path: maybe { $0.name() }))
        case 4: .identity(IdentityDetail(change: text(), from: maybe { $0.state() }, to: state()))
        case 5:
            .dns(
                DNSDetail(
                    name: text(), type: text(), addresses: [address(), address()], ttl: maybe { $0.integer() },
                    source: text()))
        default:
            .file(
                FileDetail(
                    path: name(), newPath: maybe { $0.name() }, argumentPath: maybe { $0.name() },
                    pathSource: PathSource.allCases.randomElement(using: &self) ?? .dentry,
                    access: FileAccess(rawValue: integer()), device: maybe { DeviceNumber(kernelValue: $0.integer()) },
                    inode: integer(), mode: integer(), isDeleted: .random(using: &self)))
        }
    }

    private mutating func claims() -> ToolCallClaims {
        var claims = ToolCallClaims()
        claims.context = text()
        claims.parent = text()
        claims.impact = text()
        claims.agent = maybe { .init(name: $0.text(), version: $0.text(), framework: $0.text()) }
        claims.authority = maybe { random in
            var authority = ToolCallClaims.Authority(
                grant: random.text(), scopes: [random.text(), random.text()],
                issuedAt: random.maybe { $0.integer() }, expiresAt: random.maybe { $0.integer() },
                approval: random.maybe { .init(id: $0.text(), kind: $0.text()) })
            authority.scopesLeftOut = random.integer()
            return authority
        }
        claims.assurance = Bool.random(using: &self) ? .claimed : .forwarded
        return claims
    }

    private mutating func toolCall() -> ToolCallReference {
        ToolCallReference(
            id: text(), name: text(), session: text(),
            method: ToolCallReference.Method.allCases.randomElement(using: &self) ?? .exact,
            candidates: Bool.random(using: &self) ? [] : [text(), text()],
            initiator: maybe { random in
                .init(kind: random.text(), id: random.maybe { $0.text() }, onBehalfOf: random.maybe { $0.text() })
            }, claims: claims())
    }

    fileprivate mutating func event() -> Event {
        let process = maybe {
            ProcessDescription(
                id: $0.text(), pid: $0.integer(), parentID: $0.text(), executable: $0.name(),
                executableDevice: $0.maybe { DeviceNumber(kernelValue: $0.integer()) },
                executableInode: $0.integer(), arguments: [$0.text(), $0.text()],
                argumentsAreCut: .random(using: &$0), script: $0.maybe { $0.name() },
                workingDirectory: $0.maybe { $0.name() }, uid: $0.maybe { $0.integer() },
                gid: $0.maybe { $0.integer() }, startTime: $0.integer())
        }
        let workload = WorkloadDescription(
            kind: text(), name: text(), cgroup: name(),
            container: maybe { .init(id: $0.text(), runtime: $0.text(), name: $0.text()) }, node: text())
        return Event(
            sequence: integer(), time: integer(), bootTime: integer(),
            kind: EventKind.allCases.randomElement(using: &self) ?? .fileOpen, count: integer(),
            isFirstSeen: .random(using: &self), process: process, threadID: integer(), workload: workload,
            detail: detail(), errorNumber: Int32.random(in: 0...4095, using: &self),
            via: Via.allCases.randomElement(using: &self) ?? .daemon, toolCall: maybe { $0.toolCall() })
    }
}
