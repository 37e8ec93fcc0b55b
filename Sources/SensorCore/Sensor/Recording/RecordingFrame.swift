// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// The layout of a recording: magic and version, then frames to the end, the last of which is `end`.
///
/// A frame is its type (8 bits), 24 bits of zero, the length of its content (32 bits), the CRC-32C of these 8 bytes and
/// the content (32 bits), and the content. Numbers of the file are little-endian; records and keys within are as the
/// recording machine's kernel wrote them, and the session's frame says in which byte order.
enum RecordingFrame {
    static let magic: [UInt8] = Array("sensord\0".utf8)
    static let version: UInt32 = 4
    static let headerLength = 12
    /// No content is longer; a length beyond it is damage.
    static let contentLimit = 16 << 20

    /// The numbers go into files: never reuse one.
    enum Kind: UInt8 {
        case session = 1
        case record = 2
        case count = 3
        case loss = 4
        case uring = 5
        case forgotten = 6
        case tick = 7
        case scanCgroups = 8
        case scanProcesses = 9
        /// A question that the pipeline asked while it worked on the input that follows, and its answer: so an input is
        /// only there with all that was asked for it.
        case answer = 10
        case cluster = 12
        case settle = 13
        case watch = 14
        case call = 15
        case heard = 16
        /// Nothing follows; a file without it was cut.
        case end = 11
    }

    static func checksum(header: some Sequence<UInt8>, content: some Sequence<UInt8>) -> UInt32 {
        var crc = CRC32C()
        crc.add(header)
        crc.add(content)
        return crc.value
    }
}

/// Little-endian numbers and counted bytes, one after another.
struct FrameWriter {
    var bytes: [UInt8] = []

    mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }

    mutating func append(counted content: some Collection<UInt8>) {
        append(UInt32(content.count))
        bytes.append(contentsOf: content)
    }
}

struct FrameReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: some Collection<UInt8>) { rest = Array(bytes)[...] }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func integer<Integer: FixedWidthInteger>() -> Integer? {
        let size = MemoryLayout<Integer>.size
        guard rest.count >= size else { return nil }
        defer { rest = rest.dropFirst(size) }
        return rest.withUnsafeBytes { Integer(littleEndian: $0.loadUnaligned(as: Integer.self)) }
    }

    mutating func counted() -> [UInt8]? {
        guard let count: UInt32 = integer(), count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(Int(count)) }
        return Array(rest.prefix(Int(count)))
    }

    mutating func remaining() -> [UInt8] {
        defer { rest = [] }
        return Array(rest)
    }
}

// What frames hold. Each is read back by the initialiser of its type, which is nil for content of another shape.

extension sensor_key {
    func write(to frame: inout FrameWriter) {
        frame.append(cgroup)
        frame.append(executable)
        frame.append(object)
        frame.append(kind)
        frame.append(hook)
        frame.append(error)
        frame.append(calls)
    }

    init?(_ frame: inout FrameReader) {
        guard let cgroup: UInt64 = frame.integer(), let executable: UInt64 = frame.integer(),
            let object: UInt64 = frame.integer(), let kind: UInt8 = frame.integer(), let hook: UInt8 = frame.integer(),
            let error: UInt16 = frame.integer(), let calls: UInt32 = frame.integer()
        else { return nil }
        self.init(
            cgroup: cgroup, executable: executable, object: object, kind: kind, hook: hook, error: error, calls: calls)
    }
}

extension ClockReading {
    func write(to frame: inout FrameWriter) {
        frame.append(boot)
        frame.append(wallOffset)
    }

    init?(_ frame: inout FrameReader) {
        guard let boot: UInt64 = frame.integer(), let wallOffset: Int64 = frame.integer() else { return nil }
        self.init(boot: boot, wallOffset: wallOffset)
    }
}

extension HeardTimes {
    func write(to frame: inout FrameWriter) {
        frame.append(all)
        frame.append(UInt32(behind.count))
        for (workload, time) in behind.sorted(by: { $0.key < $1.key }) {
            frame.append(workload)
            frame.append(time)
        }
    }

    init?(_ frame: inout FrameReader) {
        guard let all: UInt64 = frame.integer(), let count: UInt32 = frame.integer() else { return nil }
        self.init(all: all)
        for _ in 0..<count {
            guard let workload: UInt64 = frame.integer(), let time: UInt64 = frame.integer() else { return nil }
            behind[workload] = time
        }
    }
}

extension Session {
    private static var isBigEndian: UInt8 { UInt32(1).bigEndian == 1 ? 1 : 0 }

    func write(to frame: inout FrameWriter) {
        frame.append(Self.isBigEndian)
        frame.append(counted: bootID.utf8)
        frame.append(counted: streamID.utf8)
        frame.append(counted: node.utf8)
        frame.append(hierarchy)
        frame.append(pid)
        frame.append(root)
        clock.write(to: &frame)
    }

    init?(_ frame: inout FrameReader) {
        guard let order: UInt8 = frame.integer(), order == Self.isBigEndian, let bootID = frame.counted(),
            let streamID = frame.counted(), let node = frame.counted(), let hierarchy: Int32 = frame.integer(),
            let pid: UInt32 = frame.integer(), let root: UInt32 = frame.integer(), let clock = ClockReading(&frame)
        else { return nil }
        self.init(
            bootID: String(decoding: bootID, as: UTF8.self), streamID: String(decoding: streamID, as: UTF8.self),
            node: String(decoding: node, as: UTF8.self), hierarchy: hierarchy, pid: pid, root: root, clock: clock)
    }
}

extension HostQuestion {
    func write(to frame: inout FrameWriter) {
        switch self {
        case .processes:
            frame.append(UInt8(1))
        case .file(let pid, let file):
            frame.append(UInt8(2))
            frame.append(pid)
            frame.append(file.rawValue)
        case .link(let pid, let link):
            frame.append(UInt8(3))
            frame.append(pid)
            frame.append(link.rawValue)
        case .resolve(let pid, let path, let isItself):
            frame.append(UInt8(4))
            frame.append(pid)
            frame.append(UInt8(isItself ? 1 : 0))
            frame.append(counted: path.bytes)
        case .cgroups:
            frame.append(UInt8(5))
        case .cgroupID(let path):
            frame.append(UInt8(6))
            frame.append(counted: path.bytes)
        case .runtimeState(let runtime, let id, let user):
            frame.append(UInt8(7))
            frame.append(counted: (runtime?.rawValue ?? "").utf8)
            frame.append(counted: id.utf8)
            frame.append(UInt8(user == nil ? 0 : 1))
            frame.append(user ?? 0)
        }
    }

    init?(_ frame: inout FrameReader) {
        guard let tag: UInt8 = frame.integer() else { return nil }
        switch tag {
        case 1: self = .processes
        case 2:
            guard let pid: UInt32 = frame.integer(), let raw: UInt8 = frame.integer(),
                let file = ProcessFile(rawValue: raw)
            else { return nil }
            self = .file(pid: pid, file)
        case 3:
            guard let pid: UInt32 = frame.integer(), let raw: UInt8 = frame.integer(),
                let link = ProcessLink(rawValue: raw)
            else { return nil }
            self = .link(pid: pid, link)
        case 4:
            guard let pid: UInt32 = frame.integer(), let isItself: UInt8 = frame.integer(),
                let path = frame.counted()
            else { return nil }
            self = .resolve(pid: pid, path: ByteString(path), isItself: isItself != 0)
        case 5: self = .cgroups
        case 6:
            guard let path = frame.counted() else { return nil }
            self = .cgroupID(path: ByteString(path))
        case 7:
            guard let runtime = frame.counted(), let id = frame.counted(), let hasUser: UInt8 = frame.integer(),
                let user: UInt32 = frame.integer()
            else { return nil }
            let name = String(decoding: runtime, as: UTF8.self)
            guard name.isEmpty || CgroupPath.Runtime(rawValue: name) != nil else { return nil }
            self = .runtimeState(
                CgroupPath.Runtime(rawValue: name), id: String(decoding: id, as: UTF8.self),
                user: hasUser == 0 ? nil : user)
        default: return nil
        }
    }
}

extension HostAnswer {
    func write(to frame: inout FrameWriter) {
        switch self {
        case .bytes(let bytes):
            frame.append(Int32(0))
            frame.append(counted: bytes)
        case .failure(let error):
            frame.append(error == 0 ? Int32(-1) : error)
        }
    }

    init?(_ frame: inout FrameReader) {
        guard let error: Int32 = frame.integer() else { return nil }
        if error != 0 {
            self = .failure(error)
        } else if let bytes = frame.counted() {
            self = .bytes(bytes)
        } else {
            return nil
        }
    }
}
