// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

/// Events of every kind and shape, for tests that must hold for all of them.
struct EventSample: Sendable, CustomTestStringConvertible {
    static let stream = "5f2d6a0c9e1b47d8a3f4c5b6d7e8f901"

    let testDescription: String
    let event: Event

    init(
        _ description: String, _ kind: EventKind, _ detail: EventDetail = .none,
        process: ProcessDescription? = Self.agent, workload: WorkloadDescription = Self.unit,
        _ change: (inout Event) -> Void = { _ in }
    ) {
        testDescription = description
        var event = Event(
            sequence: 42, time: 1_795_214_460_123_456_789, bootTime: 987_654_321_000, kind: kind, process: process,
            threadID: 4243, workload: workload, detail: detail, via: .sysExit)
        change(&event)
        self.event = event
    }

    static let agent = ProcessDescription(
        id: "0b5e1c1e-4242-17", pid: 4242, parentID: "0b5e1c1e-1-0", executable: "/usr/bin/python3.11",
        executableDevice: DeviceNumber(major: 8, minor: 1), executableInode: 1234,
        arguments: ["python3", "agent.py", "--name", "quoted \" and \\ and \n"], script: "/app/agent.py",
        workingDirectory: "/app", uid: 0, gid: 0, startTime: 1_795_214_400_000_000_000)
    static let bare = ProcessDescription(id: "b-7-0", pid: 7, executable: "")
    static let foreign = ProcessDescription(
        id: "b-8-9", pid: 8, executable: ByteString([0x2f, 0xff, 0xfe]), arguments: ["", "héllo", "\u{7f}\u{9b}31m"],
        argumentsAreCut: true, script: ByteString([0x2f, 0xc3]), workingDirectory: ByteString([0xed, 0xa0, 0x80]),
        uid: .max, gid: 4_294_967_294)
    static let unit = WorkloadDescription(
        kind: "SystemdUnit", name: "nginx.service", cgroup: "/system.slice/nginx.service", node: "n1")
    static let container = WorkloadDescription(
        kind: "Container", name: "web", cgroup: ByteString([0x2f, 0x80]),
        container: .init(id: "4f1c", runtime: "docker", name: "web"))
    static let pod: WorkloadDescription = {
        var identity = WorkloadIdentity(kind: "Deployment")
        identity.pod = .init(name: "planner-7c9d", uid: "p-1")
        identity.pod?.usesHostNetwork = true
        identity.pod?.usesHostPID = true
        identity.container = .init(id: "4f1c", name: "main")
        identity.container?.tokens = [
            .init(audience: "", path: "/var/run/secrets/kubernetes.io/serviceaccount/token"),
            .init(audience: "vault \"a\"", path: "/tokens/vault"), .init(audience: "", path: ""),
        ]
        return WorkloadDescription(identity)
    }()
    static let spanCall: ToolCallDetail = {
        var call = ToolCallDetail(
            id: "call_1", name: "read \"it\"", session: "conv_7", scope: "none", status: "error", error: "timeout",
            duration: 5_000_000_000)
        call.span = ToolCallSpan(
            traceID: "0102030405060708090a0b0c0d0e0f10", spanID: "1111111111111112", service: "planner",
            agentName: "writer", agentID: "asst_5", agentVersion: "2", assurance: .forwarded)
        call.effects = ToolCallEffects(
            listed: [
                .init(event: "\(stream)-40", kind: .fileOpen, text: "/app/ä\n", method: .window),
                .init(
                    event: "\(stream)-41", kind: .networkConnect, text: "[::1]:443", method: .candidates,
                    candidates: ["call_1", "call_2"]),
            ], count: 70, isIncomplete: true)
        return call
    }()
    static let loopback = Endpoint(address: IPAddress(ipv4: 0x7f00_0001), port: 0)

    static let all: [EventSample] =
        EventKind.allCases.map { EventSample("only the kind \($0.name)", $0) }
        + Via.allCases.map { via in EventSample("seen via \(via.name)", .fileOpen) { $0.via = via } }
        + [
            EventSample("no process", .dnsAnswer, process: nil),
            EventSample("a process that little is known of", .processSeen, process: bare) { $0.threadID = 0 },
            EventSample("a process whose names are no UTF-8", .processExec, process: foreign),
            EventSample("nothing known of the workload", .processFork, workload: .unknown()),
            EventSample("a container", .processFork, workload: container),
            EventSample("a container of a pod with tokens, in the node's namespaces", .processFork, workload: pod),
            EventSample("all numbers zero", .processFork) {
                ($0.sequence, $0.time, $0.bootTime, $0.count) = (0, 0, 0, 0)
            },
            EventSample("all numbers at their end", .processFork) {
                ($0.sequence, $0.time, $0.bootTime, $0.count) = (.max, .max, .max, .max)
                $0.threadID = .max
            },
            EventSample("first seen", .fileOpen) { $0.isFirstSeen = true },
            EventSample("an error without a name", .fileOpen) { $0.errorNumber = 4000 },
            EventSample("an error with a name", .networkConnect) { $0.errorNumber = 111 },
        ] + files + networks + others + toolCalls

    private static let files: [EventSample] = [
        EventSample(
            "a file with everything", .fileRename,
            .file(
                FileDetail(
                    path: "/app/data.db", newPath: "/app/old.db", argumentPath: "../data.db", pathSource: .contested,
                    access: FileAccess(rawValue: .max), device: DeviceNumber(major: 4095, minor: 1_048_575),
                    inode: .max, mode: 0o100644, isDeleted: true))),
        EventSample("a file with nothing", .fileOpen, .file(FileDetail(path: ""))),
        EventSample(
            "names that are no UTF-8", .fileLink,
            .file(
                FileDetail(
                    path: ByteString([0x2f, 0x61, 0xff]), newPath: ByteString([0xf0, 0x9f, 0x92]),
                    argumentPath: ByteString([0xc0, 0x80, 0x22])))),
        EventSample(
            "names that JSON must escape", .fileOpen,
            .file(
                FileDetail(
                    path: "/\u{0}\u{1}\u{8}\t\n\u{c}\r\u{1f}\"\\/\u{7f}\u{80}\u{9f}\u{a0}\u{2028}é😀", access: .read)
            )),
    ]

    private static let networks: [EventSample] =
        Transport.allCases.map {
            EventSample(
                "transport \($0.name)", .networkConnect, .network(NetworkDetail(direction: .egress, transport: $0)))
        } + [
            EventSample(
                "a connection with everything", .networkClose,
                .network(
                    NetworkDetail(
                        direction: .ingress, transport: .tcp,
                        peer: Endpoint(
                            address: IPAddress(ipv6High: 0x2001_0db8_0000_0000, low: 1), port: 443,
                            names: ["api.example.test", "b.test"], contextID: 2),
                        translated: loopback, local: loopback, bytesSent: 0, bytesReceived: .max,
                        duration: 1_000_000_500, isFinal: false))),
            EventSample(
                "a connection that took no time", .networkClose,
                .network(NetworkDetail(direction: nil, transport: .tcp, peer: Endpoint(), duration: 0, isFinal: true))),
            EventSample(
                "a Unix socket", .networkConnect,
                .network(NetworkDetail(direction: .egress, transport: .unix, peer: Endpoint(path: "@\u{0}abstract")))),
            EventSample(
                "a Unix socket whose name is no UTF-8", .networkConnect,
                .network(
                    NetworkDetail(
                        direction: .egress, transport: .unix, peer: Endpoint(path: ByteString([0x40, 0xff, 0x00]))))),
        ]

    private static let others: [EventSample] = [
        EventSample("a system call", .syscallNotable, .syscall(SyscallDetail(name: "ptrace", number: 101, result: 0))),
        EventSample(
            "a system call with everything", .syscallNotable,
            .syscall(
                SyscallDetail(
                    name: "", number: 0, result: .min, arguments: [0, 1, .max],
                    strings: [
                        .init("source", "none"), .init("target", ByteString([0x2f, 0xff])), .init("type", ""),
                        .init("", ""),
                    ], path: "/lib/modules/a\"b.ko"))),
        EventSample(
            "a system call on a file whose name is no UTF-8", .syscallNotable,
            .syscall(SyscallDetail(name: "finit_module", number: 313, path: ByteString([0x2f, 0xfe])))),
        EventSample("the end of a call that a span told of", .toolCallEnd, .toolCall(spanCall)),
        EventSample("an exit", .processExit, .exit(ExitDetail(code: 0))),
        EventSample("a kill", .processExit, .exit(ExitDetail(code: 0, signal: 9, dumpedCore: true))),
        EventSample("a kill by a real-time signal", .processExit, .exit(ExitDetail(code: 0, signal: 34))),
        EventSample("a kill by no known signal", .processExit, .exit(ExitDetail(code: 0, signal: 99))),
        EventSample(
            "an answer", .dnsAnswer,
            .dns(
                DNSDetail(
                    name: "api.example.test", type: "AAAA",
                    addresses: [IPAddress(ipv6High: 0, low: 1), IPAddress(ipv4: 0x0a00_0007)], ttl: 0,
                    source: "process"))),
        EventSample("an empty answer", .dnsAnswer, .dns(DNSDetail(name: "", type: "", source: ""))),
        EventSample(
            "an identity with its past", .identityChange,
            .identity(IdentityDetail(change: "setuid", from: user, to: root))),
        EventSample(
            "an identity without its past", .identityChange,
            .identity(IdentityDetail(change: "exec", from: nil, to: root))),
        EventSample(
            "an identity that did not change", .identityChange,
            .identity(IdentityDetail(change: "", from: root, to: root))),
    ]

    private static let toolCalls: [EventSample] =
        [
            EventSample(
                "a call with nothing", .toolCallBegin,
                .toolCall(ToolCallDetail(id: "", name: "", session: "", scope: ""))),
            EventSample(
                "a call with everything", .toolCallEnd,
                .toolCall(
                    ToolCallDetail(
                        id: "call_1", name: "read \"file\"", session: "s1", scope: "thread",
                        initiator: .init(kind: "agent", id: "a1", onBehalfOf: "ann"), claims: claims,
                        arguments: [
                            ToolCallArgument(name: "päth", type: "string", length: 0),
                            ToolCallArgument(name: "", type: "number"),
                        ], status: "error", error: "no\nsuch file", duration: .max))),
            EventSample(
                "a call whose initiator a collector forwarded", .toolCallBegin,
                .toolCall(
                    ToolCallDetail(
                        id: "c", name: "n", session: "s", scope: "none", initiator: .init(kind: "human"),
                        claims: {
                            var claims = ToolCallClaims()
                            claims.assurance = .forwarded
                            return claims
                        }()))),
            EventSample(
                "a call by an authority that says nothing", .toolCallBegin,
                .toolCall(
                    ToolCallDetail(
                        id: "c", name: "n", session: "s", scope: "none",
                        claims: {
                            var claims = ToolCallClaims()
                            claims.authority = .init(approval: .init(id: "", kind: ""))
                            claims.agent = .init()
                            return claims
                        }()))),
            EventSample(
                "a call of another's trace, with digests", .toolCallBegin,
                .toolCall(
                    {
                        var call = ToolCallDetail(
                            id: "c", name: "n", session: "s", scope: "none",
                            arguments: [
                                ToolCallArgument(
                                    name: "a", type: "string", length: 1,
                                    digest: KeyedDigest(keyID: "0123", value: "ab\"cd"))
                            ])
                        call.parentCall = LinkedCall(id: "p", name: "sub", session: "s0", isOfOtherWorkload: true)
                        return call
                    }())),
            EventSample("an effect of a call with everything", .fileOpen, .file(FileDetail(path: "/a"))) {
                $0.toolCall = ToolCallReference(
                    id: "call_1", name: "read", session: "s1", method: .exact, candidates: [],
                    initiator: .init(kind: "agent", id: "a1", onBehalfOf: "ann"), claims: claims)
            },
            EventSample("an effect of a call of which nothing is claimed", .networkConnect) {
                $0.toolCall = ToolCallReference(
                    id: "call_1", name: "", session: "", method: .process, candidates: [],
                    initiator: .init(kind: "human"))
            },
            EventSample("an effect of one of several calls, with what they have in common", .processExec) {
                var claims = ToolCallClaims()
                claims.assurance = .forwarded
                claims.authority = .init(grant: "g")
                claims.authority?.scopesLeftOut = 3
                $0.toolCall = ToolCallReference(
                    id: "", name: "", session: "s1", method: .candidates, candidates: ["a", "b"], claims: claims)
            },
            EventSample("a context with nothing", .context, .context(ContextDetail(id: "", session: ""))),
            EventSample(
                "a context with everything", .context,
                .context(
                    ContextDetail(
                        id: "p1", session: "s1", turn: 0,
                        sources: [
                            .init(kind: "user", digest: KeyedDigest(keyID: "", value: "")),
                            .init(kind: "retrieval", uri: "file:///a b", digest: KeyedDigest(keyID: "k", value: "v")),
                            .init(kind: ""),
                        ],
                        sourcesLeftOut: .max))),
            EventSample(
                "a decision", .decision,
                .decision(DecisionDetail(session: "s1", call: "c1", policy: "p \u{7}", outcome: "override", by: "ann"))),
            EventSample(
                "an anomaly with everything", .anomalyState,
                .anomaly(
                    AnomalyDetail(
                        rule: .staleTrust, session: "s1", call: "c1", expected: "this", came: "that", suppressed: .max))
            ),
        ]
        + AnomalyRule.allCases.map { rule in
            EventSample(
                "the rule \(rule.rawValue)", .anomalyState,
                .anomaly(AnomalyDetail(rule: rule, session: "", expected: "", came: "")))
        }

    private static let claims: ToolCallClaims = {
        var claims = ToolCallClaims()
        claims.type = "function"
        claims.context = "p1"
        claims.parent = "call_0"
        claims.traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        claims.impact = "high"
        claims.agent = .init(name: "planner", version: "2", framework: "lc")
        claims.authority = .init(
            grant: "g1", scopes: ["read", "wr\u{1b}ite"], issuedAt: 0, expiresAt: 1_795_214_460_123_456_789,
            approval: .init(id: "ok", kind: "ticket"))
        return claims
    }()

    static let root = IdentityState(
        user: .init(real: 0, effective: 0, saved: 0, fileSystem: 0),
        group: .init(real: 0, effective: 0, saved: 0, fileSystem: 0),
        capabilities: .init(
            permitted: 0x1ff_ffff_ffff, effective: .max, inheritable: 0, bounding: 0x1ff_ffff_ffff, ambient: 0),
        namespaces: .init(pid: 4_026_531_836, mount: 1, network: 2, user: 3, uts: 4, ipc: 5, cgroup: 6),
        securebits: 0, groups: .init(count: 0, first: []))
    static let user = IdentityState(
        user: .init(real: 1000, effective: 1000, saved: 0, fileSystem: 1000),
        group: .init(real: 1000, effective: 0, saved: 0, fileSystem: 0),
        capabilities: .init(permitted: 0, effective: 0x2000, inheritable: 0, bounding: 0x1ff_ffff_ffff, ambient: 0),
        namespaces: .init(pid: 4_026_531_836, mount: 7), securebits: 0x2f,
        groups: .init(count: 9, first: [0, 4, 24, 27, 30, 46, 100, 1000]))
}
