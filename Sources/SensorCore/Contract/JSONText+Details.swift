// SPDX-License-Identifier: Apache-2.0

extension JSONText {
    /// The member of an event that tells what it was done to, with the comma before it; nothing for `none`.
    mutating func append(_ detail: EventDetail) {
        switch detail {
        case .none: break
        case .file(let file): append(file)
        case .network(let network): append(network)
        case .syscall(let syscall): append(syscall)
        case .identity(let identity): append(identity)
        case .exit(let exit): append(exit)
        case .dns(let dns): append(dns)
        case .toolCall(let call): append(call)
        case .context(let context): append(context)
        case .decision(let decision): append(decision)
        case .anomaly(let anomaly): append(anomaly)
        }
    }

    private mutating func append(_ file: FileDetail) {
        append(",\"file\":")
        let start = bytes.count
        append(field: ",\"path\":", orBytes: ",\"pathBytes\":", file.path)
        if !file.access.isEmpty {
            append(",\"access\":[")
            let first = bytes.count
            file.access.forEachName { name in
                append(bytes.count == first ? "\"" as StaticString : ",\"")
                append(name)
                append("\"")
            }
            append("]")
        }
        if let device = file.device {
            append(",\"device\":")
            append(device)
        }
        if file.inode != 0 {
            append(",\"inode\":")
            append(quoted: file.inode)
        }
        append(field: ",\"newPath\":", orBytes: ",\"newPathBytes\":", file.newPath)
        if file.pathSource != .unknown {
            append(",\"pathSource\":\"")
            append(file.pathSource.nameText)
            append("\"")
        }
        append(field: ",\"argumentPath\":", orBytes: ",\"argumentPathBytes\":", file.argumentPath)
        if file.mode != 0 {
            append(",\"mode\":\"")
            append(octal: file.mode)
            append("\"")
        }
        if file.isDeleted { append(",\"deleted\":true") }
        closeObject(startedAt: start)
    }

    private mutating func append(_ syscall: SyscallDetail) {
        append(",\"syscall\":")
        let start = bytes.count
        if !syscall.name.isEmpty {
            append(",\"name\":")
            append(string: syscall.name)
        }
        append(",\"number\":")
        append(decimal: UInt64(syscall.number))
        if let result = syscall.result {
            append(",\"result\":\"")
            append(decimal: result)
            append("\"")
        }
        if !syscall.arguments.isEmpty {
            append(",\"arguments\":[")
            for (index, argument) in syscall.arguments.enumerated() {
                if index > 0 { append(",") }
                append(quoted: argument)
            }
            append("]")
        }
        if !syscall.strings.isEmpty {
            append(",\"strings\":[")
            for (index, string) in syscall.strings.enumerated() {
                if index > 0 { append(",") }
                let start = bytes.count
                append(text: ",\"name\":", string.name)
                append(field: ",\"value\":", orBytes: ",\"valueBytes\":", string.value)
                closeObject(startedAt: start)
            }
            append("]")
        }
        append(field: ",\"path\":", orBytes: ",\"pathBytes\":", syscall.path)
        closeObject(startedAt: start)
    }

    private mutating func append(_ exit: ExitDetail) {
        append(",\"exit\":")
        let start = bytes.count
        if exit.signal == 0 {
            append(",\"code\":")
            append(decimal: Int64(exit.code))
        } else {
            append(",\"signal\":")
            append(decimal: Int64(exit.signal))
            let name = exit.signalName
            if !name.isEmpty {
                append(",\"signalName\":")
                append(string: name)
            }
        }
        if exit.dumpedCore { append(",\"coreDumped\":true") }
        closeObject(startedAt: start)
    }

    private mutating func append(_ dns: DNSDetail) {
        append(",\"dns\":")
        let start = bytes.count
        append(text: ",\"name\":", dns.name)
        append(text: ",\"type\":", dns.type)
        if !dns.addresses.isEmpty {
            append(",\"addresses\":[")
            for (index, address) in dns.addresses.enumerated() {
                append(index == 0 ? "\"" as StaticString : ",\"")
                append(address)
                append("\"")
            }
            append("]")
        }
        if let ttl = dns.ttl {
            append(",\"ttl\":")
            append(decimal: UInt64(ttl))
        }
        append(text: ",\"source\":", dns.source)
        closeObject(startedAt: start)
    }
}
