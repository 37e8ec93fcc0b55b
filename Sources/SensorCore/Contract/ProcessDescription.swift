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
    /// What the parent ran when the process was made or executed its program; empty if unknown.
    package let parentExecutable: ByteString
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
    /// At its exec, or when it was found running; `nil` if it was forked since.
    package let workingDirectory: ByteString?
    /// Effective ids, as the initial user namespace has them; `nil` if unknown.
    package let uid: UInt32?
    package let gid: UInt32?
    /// Wall clock, nanoseconds since 1970, 0 if unknown.
    package let startTime: UInt64

    /// `"process":{` … `}`
    let fragment: [UInt8]
    /// Where in the fragment the thread is named.
    let threadPlace: Int
    /// Bytes of it, about: its JSON, and what that was made of.
    var bytes: Int { 256 + 2 * fragment.count }

    package init(
        id: String, pid: UInt32, parentID: String = "", parentExecutable: ByteString = "", executable: ByteString,
        executableDevice: DeviceNumber? = nil, executableInode: UInt64 = 0, arguments: [String] = [],
        argumentsAreCut: Bool = false, script: ByteString? = nil, workingDirectory: ByteString? = nil,
        uid: UInt32? = nil, gid: UInt32? = nil, startTime: UInt64 = 0
    ) {
        self.id = id
        self.pid = pid
        self.parentID = parentID
        self.parentExecutable = parentExecutable
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

        var json = JSONText()
        json.bytes.reserveCapacity(
            320 + id.utf8.count + parentID.utf8.count + executable.bytes.count + (script?.bytes.count ?? 0)
                + (workingDirectory?.bytes.count ?? 0) + arguments.reduce(0) { $0 + $1.utf8.count + 3 })
        json.append("\"process\":{\"id\":")
        json.append(string: id)
        json.append(",\"pid\":")
        json.append(decimal: UInt64(pid))
        threadPlace = json.bytes.count
        json.append(text: ",\"parentId\":", parentID)
        json.append(field: ",\"executable\":", orBytes: ",\"executableBytes\":", executable)
        if let executableDevice {
            json.append(",\"executableDevice\":")
            json.append(executableDevice)
        }
        if executableInode != 0 {
            json.append(",\"executableInode\":")
            json.append(quoted: executableInode)
        }
        if !arguments.isEmpty {
            json.append(",\"arguments\":")
            json.append(strings: arguments)
        }
        if argumentsAreCut { json.append(",\"argumentsCut\":true") }
        json.append(field: ",\"script\":", orBytes: ",\"scriptBytes\":", script)
        json.append(field: ",\"workingDirectory\":", orBytes: ",\"workingDirectoryBytes\":", workingDirectory)
        if let uid {
            json.append(",\"uid\":")
            json.append(decimal: UInt64(uid))
        }
        if let gid {
            json.append(",\"gid\":")
            json.append(decimal: UInt64(gid))
        }
        if startTime != 0 {
            json.append(",\"startTime\":\"")
            json.append(time: startTime)
            json.append("\"")
        }
        json.append("}")
        fragment = json.bytes.array
    }
}
