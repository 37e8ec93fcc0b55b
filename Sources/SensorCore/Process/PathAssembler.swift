// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// A path as the kernel side walked it, put the right way round.
package struct AssembledPath: Sendable, Equatable {
    /// Absolute, as the process's root shows it; for a pseudo file what name it has, without a slash.
    package var path: ByteString
    /// Leading components are missing; an ellipsis stands for them.
    package var isTruncated: Bool
    /// Not below the process's root: absolute from where the walk ended.
    package var isUnreachable: Bool
    /// The name is gone from its directory.
    package var isDeleted: Bool
    /// A pipe, a socket, an anonymous inode, a file in memory.
    package var isPseudo: Bool

    /// Whether a name below it can be found again by its path.
    package var isWhole: Bool { !isTruncated && !isUnreachable && !isDeleted && !isPseudo }
}

/// Paths from what records hold: components leaf first, or the caller's string and the directory it starts at.
package enum PathAssembler {
    private static let slash = UInt8(ascii: "/")
    private static let ellipsis: [UInt8] = Array("/…".utf8)

    package static func path(_ section: borrowing RecordSection) -> AssembledPath {
        path(leafFirst: section.bytes, flags: UInt32(section.flags))
    }

    /// - Parameters:
    ///   - bytes: names leaf first, a slash after each; foreign, so whatever they are, something comes out.
    ///   - flags: `SENSOR_PATH_…`
    package static func path(leafFirst bytes: RawSpan, flags: UInt32) -> AssembledPath {
        let isTruncated = flags & UInt32(SENSOR_PATH_TRUNCATED) != 0
        let isPseudo = flags & UInt32(SENSOR_PATH_PSEUDO) != 0
        let prefix = isTruncated ? ellipsis.count : 0
        let path = bytes.withUnsafeBytes { bytes in
            [UInt8](unsafeUninitializedCapacity: bytes.count + prefix + 1) { path, count in
                if isTruncated {
                    _ = path.initialize(fromContentsOf: ellipsis)
                    count = prefix
                }
                var end = bytes.last == slash ? bytes.count - 1 : bytes.count
                while end > 0 {
                    var start = end
                    while start > 0, bytes[start - 1] != slash { start -= 1 }
                    path.initializeElement(at: count, to: slash)
                    count += 1
                    _ = path[count...].initialize(fromContentsOf: bytes[start..<end])
                    count += end - start
                    end = start - 1
                }
                if count == 0 {
                    path.initializeElement(at: 0, to: slash)
                    count = 1
                }
            }
        }
        return AssembledPath(
            path: ByteString(isPseudo ? Array(path.dropFirst()) : path), isTruncated: isTruncated,
            isUnreachable: flags & UInt32(SENSOR_PATH_UNREACHABLE) != 0,
            isDeleted: flags & UInt32(SENSOR_PATH_DELETED) != 0, isPseudo: isPseudo)
    }

    /// `argument` seen from `base`, an absolute path; not normalised. Relative if it is so and there is no base.
    package static func joined(_ base: ByteString?, _ argument: [UInt8]) -> [UInt8] {
        guard argument.first != slash, let base, !base.isEmpty else { return argument }
        var path = base.bytes
        if argument.isEmpty { return path }
        if path.last != slash { path.append(slash) }
        path += argument
        return path
    }

    /// Without empty and `.` components, and each `..` with the name before it: right only where no symbolic links are.
    package static func normalized(_ path: [UInt8]) -> ByteString {
        let isAbsolute = path.first == slash
        var components: [ArraySlice<UInt8>] = []
        for component in path.split(separator: slash) {
            if component.elementsEqual([UInt8(ascii: ".")]) { continue }
            if component.elementsEqual([UInt8(ascii: "."), UInt8(ascii: ".")]) {
                if let last = components.last, !last.elementsEqual([UInt8(ascii: "."), UInt8(ascii: ".")]) {
                    components.removeLast()
                } else if !isAbsolute {
                    components.append(component)
                }
                continue
            }
            components.append(component)
        }
        let joined = [UInt8](components.joined(separator: [slash]))
        return ByteString(isAbsolute ? [slash] + joined : joined)
    }

    /// The directory part and the last name; nil if the last component is no name (`..`, `.`, the root).
    package static func split(_ path: [UInt8]) -> (directory: [UInt8], name: [UInt8])? {
        var end = path.count
        while end > 0, path[end - 1] == slash { end -= 1 }
        var start = end
        while start > 0, path[start - 1] != slash { start -= 1 }
        let name = Array(path[start..<end])
        if name.isEmpty || name == [UInt8(ascii: ".")] || name == [UInt8(ascii: "."), UInt8(ascii: ".")] {
            return nil
        }
        return (Array(path[..<start]), name)
    }
}
