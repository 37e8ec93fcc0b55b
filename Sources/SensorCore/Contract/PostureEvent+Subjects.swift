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
        let identity = workload.identity
        cluster = identity.cluster
        clusterID = identity.clusterID
        namespace = identity.namespace
        group = identity.group
        kind = identity.kind
        name = identity.name
        uid = identity.uid
        revision = identity.revision
        ownerChain = identity.ownerChain
        if let pod = identity.pod {
            self.pod.name = pod.name
            self.pod.uid = pod.uid
            self.pod.hostNetwork = pod.usesHostNetwork
            self.pod.hostPid = pod.usesHostPID
        }
        if let container = identity.container {
            self.container.name = container.name
            self.container.type = container.type
            self.container.id = container.id
            self.container.image = container.image
            self.container.imageDigest = container.imageDigest
            self.container.runtime = container.runtime
            self.container.tokens = container.tokens.map { token in
                PostureToken.with {
                    $0.audience = token.audience
                    $0.path = token.path
                }
            }
        }
        serviceAccount = identity.serviceAccount
        spiffeID = identity.spiffeID
        spiffeIDSource = identity.spiffeIDSource
        node = identity.node
        labels = identity.labels
        cgroup = identity.cgroup.text
        cgroupBytes = identity.cgroup.bytesIfNotText
        sources = identity.sources
    }
}

extension ByteString {
    /// The bytes if they are no UTF-8, so that `text` does not carry them; else nothing.
    var bytesIfNotText: Data {
        String(validating: bytes, as: UTF8.self) == nil ? Data(bytes) : Data()
    }
}
