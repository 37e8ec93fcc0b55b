// SPDX-License-Identifier: Apache-2.0

/// What happened. The raw values go into recorded streams; those of what the kernel tells are `enum sensor_kind`'s.
package enum EventKind: UInt8, Sendable, CaseIterable {
    case processExec = 1
    case processFork = 2
    case processExit = 3
    /// A process that already ran when the sensor started.
    case processSeen = 4
    case cgroupCreated = 5
    case cgroupRemoved = 6
    case fileOpen = 10
    case fileCreate = 11
    case fileDelete = 12
    case fileRename = 13
    case fileLink = 14
    case fileAttribute = 15
    case fileExecmap = 16
    case networkConnect = 20
    case networkSend = 21
    case networkListen = 22
    case networkAccept = 23
    case networkClose = 24
    case syscallFirst = 30
    case syscallNotable = 31
    case identityChange = 32
    case dnsAnswer = 40
    case toolCallBegin = 50
    case toolCallEnd = 51
    /// What a model was shown.
    case context = 52
    case decision = 53
    case anomalyState = 54

    /// What there are events of. The rest is between the kernel's side and the pipeline.
    package static let told = allCases.filter { ![.processSeen, .cgroupCreated, .cgroupRemoved].contains($0) }

    /// The name that users and other programs see.
    package var name: String { nameText.description }

    /// `name` without the cost of a `String`.
    var nameText: StaticString {
        switch self {
        case .processExec: "process.exec"
        case .processFork: "process.fork"
        case .processExit: "process.exit"
        case .processSeen: "process.seen"
        case .cgroupCreated: "cgroup.created"
        case .cgroupRemoved: "cgroup.removed"
        case .fileOpen: "file.open"
        case .fileCreate: "file.create"
        case .fileDelete: "file.delete"
        case .fileRename: "file.rename"
        case .fileLink: "file.link"
        case .fileAttribute: "file.attribute"
        case .fileExecmap: "file.execmap"
        case .networkConnect: "network.connect"
        case .networkSend: "network.send"
        case .networkListen: "network.listen"
        case .networkAccept: "network.accept"
        case .networkClose: "network.close"
        case .syscallFirst: "syscall.first"
        case .syscallNotable: "syscall.notable"
        case .identityChange: "identity.change"
        case .dnsAnswer: "dns.answer"
        case .toolCallBegin: "toolcall.begin"
        case .toolCallEnd: "toolcall.end"
        case .context: "context"
        case .decision: "decision"
        case .anomalyState: "anomaly.state"
        }
    }
}
