// SPDX-License-Identifier: Apache-2.0

import CSensorBPF

/// A record made by hand, as the eBPF programs lay it out.
struct RecordBytes {
    private(set) var bytes: [UInt8]

    init<Body: BitwiseCopyable>(
        _ kind: sensor_kind, _ body: Body, hook: sensor_hook = SENSOR_HOOK_SYS_EXIT, time: UInt64 = 1,
        flags: Int32 = SENSOR_FIRST_SEEN
    ) {
        var header = sensor_header()
        header.flags = UInt16(flags)
        header.key.kind = UInt8(kind.rawValue)
        header.key.hook = UInt8(hook.rawValue)
        header.key.cgroup = 42
        header.time = time
        header.start = 7
        header.tgid = 100
        header.tid = 101
        (header.uid, header.gid) = (.max, .max)
        bytes = withUnsafeBytes(of: header) { Array($0) } + withUnsafeBytes(of: body) { Array($0) }
        seal()
    }

    /// A record that is there already.
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// This record with one more section behind the others.
    func adding(_ tag: sensor_section_tag, _ content: some Sequence<UInt8>, flags: Int32 = 0) -> RecordBytes {
        let content = Array(content)
        var copy = self
        let section = sensor_section(
            tag: UInt16(tag.rawValue), flags: UInt16(flags), length: UInt32(content.count))
        withUnsafeBytes(of: section) { copy.bytes.append(contentsOf: $0) }
        copy.bytes.append(contentsOf: content)
        copy.bytes.append(contentsOf: repeatElement(0, count: (8 - content.count % 8) % 8))
        copy.change { $0.sections += 1 }
        copy.seal()
        return copy
    }

    /// This record with another header.
    func changing(_ change: (inout sensor_header) -> Void) -> [UInt8] {
        var copy = self
        copy.change(change)
        return copy.bytes
    }

    private mutating func seal() {
        let size = UInt32(bytes.count)
        change { $0.size = size }
    }

    private mutating func change(_ change: (inout sensor_header) -> Void) {
        bytes.withUnsafeMutableBytes { raw in
            var header = raw.loadUnaligned(as: sensor_header.self)
            change(&header)
            raw.storeBytes(of: header, as: sensor_header.self)
        }
    }
}
