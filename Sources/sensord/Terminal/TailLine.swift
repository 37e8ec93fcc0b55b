// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// What one line of `--tail` says, before it is fitted to a terminal.
struct TailLine {
    /// Nanoseconds since 1970.
    var time: UInt64
    var workload: TerminalText
    var process: TerminalText
    /// What was done, in a word.
    var verb: String
    /// To what.
    var object: TerminalText
    /// The object says most at its beginning, as a command does; a path says most at both ends.
    var objectIsCommand = false
    /// What came of it: empty where it simply succeeded.
    var result: String
    var isFailure: Bool
    /// A failure that is everyday life: search paths lead past many names that are not there.
    var isUsual = false
    var colour: Palette.Colour

    init(_ event: borrowing Event) {
        time = event.time
        workload = TerminalText(Self.name(of: event.workload))
        process = Self.name(of: event.process)
        verb = Self.verb(event)
        colour = Palette.colour(of: event.kind)
        isFailure = event.errorNumber != 0
        isUsual = event.errorNumber == ENOENT

        var results: [String] = []
        if event.errorNumber != 0 { results.append(ErrorName.of(event.errorNumber)) }
        switch event.detail {
        case .none:
            object = Self.object(ofProcess: event.process, event.kind)
            objectIsCommand = event.kind == .processExec
        case .file(let file):
            object = Self.object(file, event.kind)
            // That a file was to be read goes without saying where it was not there.
            let words = Self.results(file, event.kind)
            if !(event.errorNumber != 0 && words == ["r"]) { results += words }
        case .network(let network):
            object = Self.object(network, event.kind)
            results += Self.results(network)
        case .syscall(let syscall):
            let name = syscall.name.isEmpty ? "number \(syscall.number)" : syscall.name
            object = TerminalText(Array(name.utf8) + Self.subject(syscall))
            if let result = syscall.result, result > 0, event.kind == .syscallNotable { results.append("= \(result)") }
        case .identity(let identity):
            object = TerminalText(Self.change(identity))
            objectIsCommand = true
        case .exit(let exit):
            object = TerminalText(event.process.map(Self.command) ?? "")
            objectIsCommand = true
            results.append(Self.outcome(exit))
            isFailure = exit.code != 0 || exit.signal != 0
        case .dns(let dns):
            let answer = dns.addresses.isEmpty ? "no address" : dns.addresses.map(\.description).joined(separator: ", ")
            object = TerminalText("\(dns.name) \(dns.type) → \(answer)")
        case .toolCall(let call):
            object = TerminalText(call.name.isEmpty ? call.id : "\(call.name) (\(call.id))")
            if !call.status.isEmpty { results.append(call.status) }
            if let count = call.effects?.count, count > 0 {
                results.append(count == 1 ? "1 effect by time" : "\(count) effects by time")
            }
            isFailure = ["error", "denied", "abandoned"].contains(call.status)
        case .context(let context):
            let kinds = Set(context.sources.map(\.kind)).sorted().joined(separator: ", ")
            object = TerminalText(kinds.isEmpty ? context.id : "\(context.id): \(kinds)")
        case .decision(let decision):
            object = TerminalText("\(decision.policy) (\(decision.call))")
            results.append(decision.outcome)
            isFailure = decision.outcome == "deny"
        case .anomaly(let anomaly):
            object = TerminalText("\(anomaly.rule.rawValue): \(anomaly.came), expected \(anomaly.expected)")
            isFailure = true
        }
        if let call = event.toolCall { results.append(Self.result(call)) }
        if event.count > 1 { results.append("×\(event.count)") }
        result = results.joined(separator: " ")
    }

    private static func verb(_ event: borrowing Event) -> String {
        switch event.kind {
        case .processExec: "exec"
        case .processFork: "fork"
        case .processExit: "exit"
        case .fileOpen: "open"
        case .fileCreate: "create"
        case .fileDelete: "delete"
        case .fileRename: "rename"
        case .fileLink: "link"
        case .fileAttribute: "change"
        case .fileExecmap: "map"
        case .networkConnect: "connect"
        case .networkSend: "send"
        case .networkListen: "listen"
        case .networkAccept: "accept"
        case .networkClose: "close"
        case .syscallFirst: "syscall"
        case .syscallNotable: "notable"
        case .identityChange: "identity"
        case .dnsAnswer: "dns"
        case .toolCallBegin: "call"
        case .toolCallEnd: "call end"
        case .context: "context"
        case .decision: "decision"
        case .anomalyState: "anomaly"
        // There are no events of these.
        case .processSeen, .cgroupCreated, .cgroupRemoved: event.kind.name
        }
    }

    /// The name alone where it says enough: a unit carries its kind as a suffix.
    private static func name(of workload: WorkloadDescription) -> String {
        if !workload.identity.namespace.isEmpty { return name(inCluster: workload.identity) }
        if let container = workload.container, workload.kind == "Container" {
            if !container.name.isEmpty { return container.name }
            return container.id.count > 12 ? String(container.id.prefix(12)) : container.id
        }
        if !workload.name.isEmpty {
            return workload.kind == "SystemdUnit" ? workload.name : "\(workload.kind)/\(workload.name)"
        }
        return workload.kind.isEmpty ? "?" : workload.kind.lowercased()
    }

    /// `NAMESPACE/NAME:CONTAINER`, for what is no Deployment with its kind before the name.
    private static func name(inCluster identity: WorkloadIdentity) -> String {
        let kind = identity.kind == "Deployment" ? "" : identity.kind + "/"
        let container = identity.container.map { $0.name.isEmpty ? String($0.id.prefix(12)) : $0.name }
        return "\(identity.namespace)/\(kind)\(identity.name)" + (container.map { ":" + $0 } ?? "")
    }

    /// The script rather than its interpreter, since that is what people started.
    private static func name(of process: ProcessDescription?) -> TerminalText {
        guard let process else { return TerminalText("-") }
        let shown = process.script ?? process.executable
        var name = Array(shown.bytes.suffix(while: { $0 != UInt8(ascii: "/") }))
        if name.isEmpty { name = shown.bytes.isEmpty ? [UInt8(ascii: "?")] : shown.bytes }
        return TerminalText(name + Array("[\(process.pid)]".utf8))
    }

    private static func command(_ process: ProcessDescription) -> String {
        guard !process.arguments.isEmpty else { return process.executable.text }
        let words = process.arguments.map { argument in
            let needsQuotes = argument.isEmpty || argument.utf8.contains { $0 == 0x20 || $0 == 0x27 || $0 == 0x22 }
            return needsQuotes ? "'" + argument.replacing("'", with: "'\\''") + "'" : argument
        }
        return words.joined(separator: " ") + (process.argumentsAreCut ? " …" : "")
    }

    private static func object(ofProcess process: ProcessDescription?, _ kind: EventKind) -> TerminalText {
        guard let process else { return TerminalText("") }
        switch kind {
        case .processExec:
            let command = command(process)
            let word = process.arguments.first.map { ByteString($0) }
            if word == process.executable || process.executable.isEmpty { return TerminalText(command) }
            return TerminalText(process.executable.bytes + Array(": \(command)".utf8))
        case .processFork:
            let parts = process.parentID.utf8.split(separator: UInt8(ascii: "-"))
            guard parts.count > 2 else { return TerminalText("") }
            return TerminalText("by \(Substring(parts[parts.count - 2]))")
        default: return TerminalText("")
        }
    }

    private static func object(_ file: FileDetail, _ kind: EventKind) -> TerminalText {
        var bytes = file.path.bytes
        if let newPath = file.newPath {
            // A link stands where the new name is and leads to the old one.
            bytes =
                kind == .fileLink
                ? newPath.bytes + Array(" → ".utf8) + file.path.bytes : bytes + Array(" → ".utf8) + newPath.bytes
        }
        if let argument = file.argumentPath { bytes += Array(" (asked for ".utf8) + argument.bytes + Array(")".utf8) }
        return TerminalText(bytes)
    }

    /// What a call was about, with the space before it: `  none → /mnt tmpfs`.
    private static func subject(_ syscall: SyscallDetail) -> [UInt8] {
        var bytes: [UInt8] = []
        if let path = syscall.path { bytes += Array("  ".utf8) + path.bytes }
        for string in syscall.strings where !string.value.isEmpty {
            let leadsThere = ["target", "to", "put_old"].contains(string.name) && !bytes.isEmpty
            bytes += Array((leadsThere ? " → " : bytes.isEmpty ? "  " : " ").utf8) + string.value.bytes
        }
        return bytes
    }

    private static func results(_ file: FileDetail, _ kind: EventKind) -> [String] {
        var words: [String] = []
        let access = file.access
        switch kind {
        case .fileOpen, .fileCreate:
            var letters = ""
            if access.contains(.read) { letters += "r" }
            if access.contains(.write) { letters += "w" }
            if access.contains(.append) { letters += "+" }
            if !letters.isEmpty { words.append(letters) }
            let told: [(FileAccess, String)] = [
                (.truncate, "truncate"), (.path, "handle"), (.directory, "dir"), (.received, "received"),
                (.handle, "by-handle"), (.temporary, "unnamed"),
            ]
            words += told.filter { access.contains($0.0) }.map(\.1)
        case .fileAttribute:
            words += access.names.map { $0.lowercased() }
            if access.contains(.mode), file.mode != 0 { words.append(String(file.mode & 0o7777, radix: 8)) }
        case .fileLink: words.append(access.contains(.symbolic) ? "symbolic" : "hard")
        case .fileExecmap where access.contains(.protect): words.append("mprotect")
        default: break
        }
        if [.contested, .unverified, .unreachable].contains(file.pathSource) { words.append(file.pathSource.name) }
        return words
    }

    private static func object(_ network: NetworkDetail, _ kind: EventKind) -> TerminalText {
        let end = kind == .networkListen ? network.local : network.peer
        var bytes = end.map(Self.spelled) ?? Array("?".utf8)
        if network.transport != .tcp { bytes += Array(" \(network.transport.name.lowercased())".utf8) }
        if kind == .networkAccept, let local = network.local?.port { bytes += Array(" on port \(local)".utf8) }
        if let translated = network.translated { bytes += Array(" → ".utf8) + spelled(translated) }
        return TerminalText(bytes)
    }

    private static func spelled(_ end: Endpoint) -> [UInt8] {
        if let path = end.path { return path.isEmpty ? Array("unnamed".utf8) : path.bytes }
        var text = ""
        if let address = end.address {
            text = address.family == .ipv6 && end.port != nil ? "[\(address)]" : "\(address)"
        } else if let context = end.contextID {
            text = "cid \(context)"
        }
        if let port = end.port { text += ":\(port)" }
        if let name = end.names.first { text += " (\(name))" }
        return Array((text.isEmpty ? "?" : text).utf8)
    }

    private static func results(_ network: NetworkDetail) -> [String] {
        var words: [String] = []
        if let sent = network.bytesSent, sent > 0 || network.duration != nil { words.append("↑" + size(sent)) }
        if let received = network.bytesReceived, received > 0 || network.duration != nil {
            words.append("↓" + size(received))
        }
        if network.isFinal == false { words.append("still open") }
        return words
    }

    /// Three digits at most and a unit.
    static func size(_ bytes: UInt64) -> String {
        if bytes < 1000 { return "\(bytes)B" }
        var value = Double(bytes)
        var unit = ""
        for next in ["k", "M", "G", "T", "P", "E"] where value >= 999.5 {
            value /= 1000
            unit = next
        }
        if value >= 9.95 { return "\(UInt64(value.rounded()))\(unit)B" }
        let tenths = UInt64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)\(unit)B"
    }

    /// The tool call that it was done for.
    private static func result(_ call: ToolCallReference) -> String {
        if call.id.isEmpty { return "in one of \(call.candidates.count + Int(call.candidatesLeftOut)) calls" }
        return "in \(call.name.isEmpty ? call.id : call.name)"
    }

    private static func outcome(_ exit: ExitDetail) -> String {
        if exit.signal == 0 { return "status \(exit.code)" }
        let name = exit.signalName.isEmpty ? "signal \(exit.signal)" : exit.signalName
        return name + (exit.dumpedCore ? " core dumped" : "")
    }

    private static func change(_ identity: IdentityDetail) -> String {
        guard let from = identity.from else { return identity.change }
        let to = identity.to
        var changes: [String] = []
        func tell(_ name: String, _ before: UInt32, _ after: UInt32) {
            if before != after { changes.append("\(name) \(before) → \(after)") }
        }
        tell("uid", from.user.effective, to.user.effective)
        tell("real uid", from.user.real, to.user.real)
        tell("gid", from.group.effective, to.group.effective)
        tell("real gid", from.group.real, to.group.real)
        let gained = to.capabilities.effective & ~from.capabilities.effective
        let dropped = from.capabilities.effective & ~to.capabilities.effective
        if gained != 0 { changes.append("+\(gained.nonzeroBitCount) capabilities") }
        if dropped != 0 { changes.append("-\(dropped.nonzeroBitCount) capabilities") }
        let before = from.namespaces, after = to.namespaces
        let spaces = [
            ("pid", before.pid, after.pid), ("mount", before.mount, after.mount),
            ("network", before.network, after.network), ("user", before.user, after.user),
            ("uts", before.uts, after.uts), ("ipc", before.ipc, after.ipc), ("cgroup", before.cgroup, after.cgroup),
        ]
        let moved = spaces.filter { $0.1 != 0 && $0.1 != $0.2 }.map(\.0)
        if !moved.isEmpty { changes.append("new \(moved.joined(separator: ", ")) namespace") }
        return changes.isEmpty ? identity.change : "\(identity.change): \(changes.joined(separator: ", "))"
    }
}

extension Array {
    /// The longest end whose members all pass.
    fileprivate func suffix(while passes: (Element) -> Bool) -> ArraySlice<Element> {
        var start = endIndex
        while start > startIndex, passes(self[start - 1]) { start -= 1 }
        return self[start...]
    }
}
