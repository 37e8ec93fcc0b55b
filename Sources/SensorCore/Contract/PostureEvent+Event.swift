// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

extension PostureEvent {
    /// The message for what can take its time or wants the binary form. `stream` is the first half of the event's id.
    package init(_ event: Event, stream: String) {
        self.init()
        time = Google_Protobuf_Timestamp(nanosecondsSince1970: event.time)
        if event.sequence != 0 { id = "\(stream)-\(event.sequence)" }
        kind = event.kind.name
        count = event.count
        firstSeen = event.isFirstSeen
        if let process = event.process {
            self.process = PostureProcess(process, threadID: event.threadID)
        }
        workload = PostureWorkload(event.workload)
        switch event.detail {
        case .none: break
        case .file(let file): self.file = PostureFile(file)
        case .network(let network): self.network = PostureNetwork(network)
        case .syscall(let syscall): self.syscall = PostureSyscall(syscall)
        case .identity(let identity): self.identity = PostureIdentity(identity)
        case .exit(let exit): self.exit = PostureExit(exit)
        case .dns(let dns): self.dns = PostureDNS(dns)
        case .toolCall(let call): toolCall = PostureToolCall(call)
        case .context(let context): self.context = PostureContext(context)
        case .decision(let decision): self.decision = PostureDecision(decision)
        case .anomaly(let anomaly): self.anomaly = PostureAnomaly(anomaly)
        }
        if let reference = event.toolCall { toolCall = PostureToolCall(reference) }
        via = event.via.name
        error = ErrorName.of(event.errorNumber)
        bootTime = event.bootTime
    }
}

extension Google_Protobuf_Timestamp {
    init(nanosecondsSince1970 time: UInt64) {
        self.init(seconds: Int64(time / 1_000_000_000), nanos: Int32(time % 1_000_000_000))
    }
}
