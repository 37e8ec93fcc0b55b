// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import SwiftProtobuf

extension PostureProcess {
    init(_ process: ProcessDescription, threadID: UInt32) {
        self.init()
        id = process.id
        pid = process.pid
        self.threadID = threadID
        parentID = process.parentID
        executable = process.executable.text
        executableBytes = process.executable.bytesIfNotText
        executableDevice = process.executableDevice?.description ?? ""
        executableInode = process.executableInode
        arguments = process.arguments
        argumentsCut = process.argumentsAreCut
        script = process.script?.text ?? ""
        scriptBytes = process.script?.bytesIfNotText ?? Data()
        workingDirectory = process.workingDirectory?.text ?? ""
        workingDirectoryBytes = process.workingDirectory?.bytesIfNotText ?? Data()
        if let uid = process.uid { self.uid = uid }
        if let gid = process.gid { self.gid = gid }
        if process.startTime != 0 {
            startTime = Google_Protobuf_Timestamp(nanosecondsSince1970: process.startTime)
        }
    }
}

extension PostureWorkload {
    init(_ workload: WorkloadDescription) {
        self.init()
        kind = workload.kind
        name = workload.name
        node = workload.node
        cgroup = workload.cgroup.text
        cgroupBytes = workload.cgroup.bytesIfNotText
        if let container = workload.container {
            self.container.id = container.id
            self.container.runtime = container.runtime
            self.container.name = container.name
        }
    }
}

extension ByteString {
    /// The bytes if they are no UTF-8, so that `text` does not carry them; else nothing.
    var bytesIfNotText: Data {
        String(validating: bytes, as: UTF8.self) == nil ? Data(bytes) : Data()
    }
}
