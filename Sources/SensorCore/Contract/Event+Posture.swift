// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import SwiftProtobuf

extension Event {
    /// Reads one line of what `EventEncoder` writes; `nil` if it is none, or of a kind that this version does not know.
    package init?(json line: ArraySlice<UInt8>) {
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        guard let message = try? PostureEvent(jsonUTF8Bytes: Array(line), options: options) else { return nil }
        self.init(message)
    }

    /// The event that a message tells of, as far as it does: what is left out because it did not change is zero.
    package init?(_ message: PostureEvent) {
        guard let kind = EventKind.allCases.first(where: { $0.name == message.kind }),
            message.hasTime,
            let sequence =
                message.id.isEmpty
                ? 0 : message.id.utf8.split(separator: UInt8(ascii: "-")).last.flatMap({ UInt64(Substring($0)) })
        else { return nil }
        self.init(
            sequence: sequence, time: message.time.nanosecondsSince1970, bootTime: message.bootTime, kind: kind,
            count: message.count, isFirstSeen: message.firstSeen,
            process: message.hasProcess ? ProcessDescription(message.process) : nil,
            threadID: message.process.threadID, workload: WorkloadDescription(message.workload),
            detail: EventDetail(message), errorNumber: ErrorName.number(of: message.error),
            via: Via.allCases.first { $0.name == message.via } ?? .daemon,
            toolCall: message.hasToolCall ? ToolCallReference(message.toolCall) : nil)
    }
}

extension EventDetail {
    fileprivate init(_ message: PostureEvent) {
        if message.hasFile {
            self = .file(FileDetail(message.file))
        } else if message.hasNetwork {
            self = .network(NetworkDetail(message.network))
        } else if message.hasSyscall {
            let syscall = message.syscall
            self = .syscall(
                SyscallDetail(
                    name: syscall.name, number: syscall.number, result: syscall.hasResult ? syscall.result : nil,
                    arguments: syscall.arguments,
                    strings: syscall.strings.map { .init($0.name, ByteString($0.value, $0.valueBytes)) },
                    path: ByteString(ifAny: syscall.path, syscall.pathBytes)))
        } else if message.hasIdentity {
            let identity = message.identity
            self = .identity(
                IdentityDetail(
                    change: identity.change, from: identity.hasFrom ? IdentityState(identity.from) : nil,
                    to: IdentityState(identity.to)))
        } else if message.hasExit {
            let exit = message.exit
            self = .exit(ExitDetail(code: exit.code, signal: exit.signal, dumpedCore: exit.coreDumped))
        } else if message.hasDns {
            let dns = message.dns
            self = .dns(
                DNSDetail(
                    name: dns.name, type: dns.type, addresses: dns.addresses.compactMap(IPAddress.init),
                    ttl: dns.hasTtl ? dns.ttl : nil, source: dns.source))
        } else if message.hasToolCall, message.toolCall.method.isEmpty {
            self = .toolCall(ToolCallDetail(message.toolCall))
        } else if message.hasContext {
            self = .context(ContextDetail(message.context))
        } else if message.hasDecision {
            let decision = message.decision
            self = .decision(
                DecisionDetail(
                    session: decision.session, call: decision.call, policy: decision.policy,
                    outcome: decision.outcome, by: decision.by))
        } else if message.hasAnomaly, let anomaly = AnomalyDetail(message.anomaly) {
            self = .anomaly(anomaly)
        } else {
            self = .none
        }
    }
}

extension FileDetail {
    fileprivate init(_ file: PostureFile) {
        self.init(
            path: ByteString(file.path, file.pathBytes),
            newPath: ByteString(ifAny: file.newPath, file.newPathBytes),
            argumentPath: ByteString(ifAny: file.argumentPath, file.argumentPathBytes),
            pathSource: PathSource.allCases.first { $0.name == file.pathSource } ?? .unknown,
            access: FileAccess(named: file.access), device: DeviceNumber(text: file.device), inode: file.inode,
            mode: UInt32(file.mode, radix: 8) ?? 0, isDeleted: file.deleted)
    }
}

extension NetworkDetail {
    fileprivate init(_ network: PostureNetwork) {
        self.init(
            direction: Direction.allCases.first { $0.name == network.direction },
            transport: Transport.allCases.first { $0.name == network.transport } ?? .other,
            peer: network.hasPeer ? Endpoint(network.peer) : nil,
            translated: network.hasTranslated ? Endpoint(network.translated) : nil,
            local: network.hasLocal ? Endpoint(network.local) : nil,
            bytesSent: network.hasBytesSent ? network.bytesSent : nil,
            bytesReceived: network.hasBytesReceived ? network.bytesReceived : nil,
            duration: network.hasDuration ? network.duration.nanoseconds : nil,
            isFinal: network.hasFinal ? network.final : nil)
    }
}

extension Endpoint {
    fileprivate init(_ endpoint: PostureEndpoint) {
        self.init(
            address: IPAddress(endpoint.address),
            port: endpoint.hasPort ? UInt16(truncatingIfNeeded: endpoint.port) : nil,
            names: endpoint.names, path: ByteString(ifAny: endpoint.path, endpoint.pathBytes),
            contextID: endpoint.hasCid ? endpoint.cid : nil)
    }
}

extension IdentityState {
    fileprivate init(_ state: PostureIdentityState) {
        let sets = state.capabilities
        let spaces = state.namespaces
        func set(_ text: String) -> UInt64 { UInt64(text, radix: 16) ?? 0 }
        self.init(
            user: Identifiers(real: state.uid, effective: state.euid, saved: state.suid, fileSystem: state.fsuid),
            group: Identifiers(real: state.gid, effective: state.egid, saved: state.sgid, fileSystem: state.fsgid),
            capabilities: Capabilities(
                permitted: set(sets.permitted), effective: set(sets.effective), inheritable: set(sets.inheritable),
                bounding: set(sets.bounding), ambient: set(sets.ambient)),
            namespaces: Namespaces(
                pid: spaces.pid, mount: spaces.mount, network: spaces.network, user: spaces.user, uts: spaces.uts,
                ipc: spaces.ipc, cgroup: spaces.cgroup),
            securebits: state.hasSecurebits ? state.securebits : nil,
            groups: state.hasGroupCount ? Groups(count: state.groupCount, first: state.groups) : nil)
    }
}

extension ProcessDescription {
    convenience init(_ process: PostureProcess) {
        self.init(
            id: process.id, pid: process.pid, parentID: process.parentID,
            executable: ByteString(process.executable, process.executableBytes),
            executableDevice: DeviceNumber(text: process.executableDevice), executableInode: process.executableInode,
            arguments: process.arguments, argumentsAreCut: process.argumentsCut,
            script: ByteString(ifAny: process.script, process.scriptBytes),
            workingDirectory: ByteString(ifAny: process.workingDirectory, process.workingDirectoryBytes),
            uid: process.hasUid ? process.uid : nil, gid: process.hasGid ? process.gid : nil,
            startTime: process.startTime.nanosecondsSince1970)
    }
}

extension WorkloadDescription {
    convenience init(_ workload: PostureWorkload) {
        var identity = WorkloadIdentity(kind: workload.kind)
        identity.cluster = workload.cluster
        identity.clusterID = workload.clusterID
        identity.namespace = workload.namespace
        identity.group = workload.group
        identity.name = workload.name
        identity.uid = workload.uid
        identity.revision = workload.revision
        identity.ownerChain = workload.ownerChain
        if workload.hasPod {
            identity.pod = .init(name: workload.pod.name, uid: workload.pod.uid)
            identity.pod?.usesHostNetwork = workload.pod.hostNetwork
            identity.pod?.usesHostPID = workload.pod.hostPid
        }
        if workload.hasContainer {
            let container = workload.container
            identity.container = .init(
                id: container.id, runtime: container.runtime, name: container.name, type: container.type,
                image: container.image, imageDigest: container.imageDigest)
            identity.container?.tokens = container.tokens.map { .init(audience: $0.audience, path: $0.path) }
        }
        identity.serviceAccount = workload.serviceAccount
        identity.spiffeID = workload.spiffeID
        identity.spiffeIDSource = workload.spiffeIDSource
        identity.node = workload.node
        identity.labels = workload.labels
        identity.cgroup = ByteString(workload.cgroup, workload.cgroupBytes)
        identity.sources = workload.sources
        self.init(identity)
    }
}

extension ByteString {
    /// The bytes where the text does not carry them.
    fileprivate init(_ text: String, _ bytes: Data) {
        if bytes.isEmpty { self.init(text) } else { self.init(Array(bytes)) }
    }

    fileprivate init?(ifAny text: String, _ bytes: Data) {
        if text.isEmpty, bytes.isEmpty { return nil }
        self.init(text, bytes)
    }
}

extension DeviceNumber {
    /// `8:1`.
    fileprivate init?(text: String) {
        let parts = text.split(separator: ":")
        guard parts.count == 2, let major = UInt32(parts[0]), let minor = UInt32(parts[1]) else { return nil }
        self.init(major: major, minor: minor)
    }
}

extension Google_Protobuf_Timestamp {
    var nanosecondsSince1970: UInt64 {
        UInt64(clamping: seconds) &* 1_000_000_000 &+ UInt64(clamping: nanos)
    }
}

extension Google_Protobuf_Duration {
    fileprivate var nanoseconds: UInt64 { UInt64(clamping: seconds) &* 1_000_000_000 &+ UInt64(clamping: nanos) }
}
