// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import SwiftProtobuf

extension PostureFile {
    init(_ file: FileDetail) {
        self.init()
        path = file.path.text
        pathBytes = file.path.bytesIfNotText
        access = file.access.names
        device = file.device?.description ?? ""
        inode = file.inode
        newPath = file.newPath?.text ?? ""
        newPathBytes = file.newPath?.bytesIfNotText ?? Data()
        pathSource = file.pathSource.name
        argumentPath = file.argumentPath?.text ?? ""
        argumentPathBytes = file.argumentPath?.bytesIfNotText ?? Data()
        mode = file.mode == 0 ? "" : String(file.mode, radix: 8)
        deleted = file.isDeleted
    }
}

extension PostureNetwork {
    init(_ network: NetworkDetail) {
        self.init()
        direction = network.direction?.name ?? ""
        transport = network.transport.name
        if let peer = network.peer { self.peer = PostureEndpoint(peer) }
        if let translated = network.translated { self.translated = PostureEndpoint(translated) }
        if let local = network.local { self.local = PostureEndpoint(local) }
        if let sent = network.bytesSent { bytesSent = sent }
        if let received = network.bytesReceived { bytesReceived = received }
        if let nanoseconds = network.duration {
            duration = Google_Protobuf_Duration(
                seconds: Int64(nanoseconds / 1_000_000_000), nanos: Int32(nanoseconds % 1_000_000_000))
        }
        if let final = network.isFinal { self.final = final }
    }
}

extension PostureEndpoint {
    init(_ endpoint: Endpoint) {
        self.init()
        address = endpoint.address?.description ?? ""
        if let port = endpoint.port { self.port = UInt32(port) }
        names = endpoint.names
        path = endpoint.path?.text ?? ""
        pathBytes = endpoint.path?.bytesIfNotText ?? Data()
        if let contextID = endpoint.contextID { cid = contextID }
    }
}

extension PostureSyscall {
    init(_ syscall: SyscallDetail) {
        self.init()
        name = syscall.name
        number = syscall.number
        if let result = syscall.result { self.result = result }
        arguments = syscall.arguments
        strings = syscall.strings.map(PostureSyscallString.init)
        path = syscall.path?.text ?? ""
        pathBytes = syscall.path?.bytesIfNotText ?? Data()
    }
}

extension PostureSyscallString {
    fileprivate init(_ string: SyscallDetail.StringArgument) {
        self.init()
        name = string.name
        value = string.value.text
        valueBytes = string.value.bytesIfNotText
    }
}

extension PostureExit {
    init(_ exit: ExitDetail) {
        self.init()
        if exit.signal == 0 { code = exit.code }
        signal = exit.signal
        signalName = exit.signalName
        coreDumped = exit.dumpedCore
    }
}

extension PostureDNS {
    init(_ dns: DNSDetail) {
        self.init()
        name = dns.name
        type = dns.type
        addresses = dns.addresses.map(\.description)
        if let ttl = dns.ttl { self.ttl = ttl }
        source = dns.source
    }
}
