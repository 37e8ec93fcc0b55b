// SPDX-License-Identifier: Apache-2.0

/// A process as it was at one time: made anew by exec, shared by all events until then.
///
/// Immutable, and its JSON is rendered once, when it is made.
package final class ProcessDescription: Sendable {
    /// `<boot>-<tgid>-<start ns>`: never used twice, unlike a pid.
    package let id: String
    /// As the initial pid namespace has it.
    package let pid: UInt32
    /// `id` of the parent, empty if unknown.
    package let parentID: String
    package let executable: ByteString
    /// `nil` if unknown, as for a file that only lived in memory.
    package let executableDevice: DeviceNumber?
    package let executableInode: UInt64
    /// Redacted.
    package let arguments: [String]
    /// The end of the arguments is missing.
    package let argumentsAreCut: Bool
    /// The file that the interpreter was started for, if there is one.
    package let script: ByteString?
    package let workingDirectory: ByteString?
    /// Effective ids, as the initial user namespace has them; `nil` if unknown.
    package let uid: UInt32?
    package let gid: UInt32?
    /// Wall clock, nanoseconds since 1970, 0 if unknown.
    package let startTime: UInt64

    /// `"process":{` … up to where the thread is named, and from there to the closing brace.
    let fragmentBeforeThread: [UInt8]
    let fragmentAfterThread: [UInt8]

    package init(
        id: String, pid: UInt32, parentID: String = "", executable: ByteString,
        executableDevice: DeviceNumber? = nil, executableInode: UInt64 = 0, arguments: [String] = [],
        argumentsAreCut: Bool = false, script: ByteString? = nil, workingDirectory: ByteString? = nil,
        uid: UInt32? = nil, gid: UInt32? = nil, startTime: UInt64 = 0
    ) {
        self.id = id
        self.pid = pid
        self.parentID = parentID
        self.executable = executable
        self.executableDevice = executableDevice
        self.executableInode = executableInode
        self.arguments = arguments
        self.argumentsAreCut = argumentsAreCut
        self.script = script
        self.workingDirectory = workingDirectory
        self.uid = uid
        self.gid = gid
        self.startTime = startTime

        var head = JSONText()
        head.append("\"process\":{\"id\":")
        head.append(string: id)
        head.append(",\"pid\":")
        head.append(decimal: UInt64(pid))
        fragmentBeforeThread = head.bytes

        var tail = JSONText()
        tail.append(text: ",\"parentId\":", parentID)
        tail.append(field: ",\"executable\":", orBytes: ",\"executableBytes\":", executable)
        if let executableDevice {
            tail.append(",\"executableDevice\":")
            tail.append(executableDevice)
        }
        if executableInode != 0 {
            tail.append(",\"executableInode\":")
            tail.append(quoted: executableInode)
        }
        if !arguments.isEmpty {
            tail.append(",\"arguments\":")
            tail.append(strings: arguments)
        }
        if argumentsAreCut { tail.append(",\"argumentsCut\":true") }
        tail.append(field: ",\"script\":", orBytes: ",\"scriptBytes\":", script)
        tail.append(field: ",\"workingDirectory\":", orBytes: ",\"workingDirectoryBytes\":", workingDirectory)
        if let uid {
            tail.append(",\"uid\":")
            tail.append(decimal: UInt64(uid))
        }
        if let gid {
            tail.append(",\"gid\":")
            tail.append(decimal: UInt64(gid))
        }
        if startTime != 0 {
            tail.append(",\"startTime\":\"")
            tail.append(time: startTime)
            tail.append("\"")
        }
        tail.append("}")
        fragmentAfterThread = tail.bytes
    }
}
