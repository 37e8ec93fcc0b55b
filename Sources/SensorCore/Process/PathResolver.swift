// SPDX-License-Identifier: Apache-2.0

/// Finds what the kernel could not tell: where a caller's string led to, as far as that can be seen afterwards.
///
/// Best effort by nature: the process may be gone and the links may be others by now. Looks at the machine are bounded
/// for each tick.
package struct PathResolver: ~Copyable {
    private let host: any HostView
    private let limit: Int
    private var left: Int
    /// Looks that the limit did not allow.
    package private(set) var refused: UInt64 = 0

    /// - Parameter limit: looks at the machine between two ticks.
    package init(host: any HostView, limit: Int) {
        self.host = host
        self.limit = limit
        left = limit
    }

    package mutating func tick() { left = limit }

    /// The name that was made or taken away: links are followed but for the last one.
    package mutating func entry(
        _ argument: [UInt8], base: AssembledPath?, pid: UInt32
    ) -> (path: ByteString, source: PathSource) {
        let whole = base.map(\.isWhole) ?? false
        let text = PathAssembler.joined(base?.path, argument)
        if whole, let base, let (directory, name) = PathAssembler.split(argument), directory.isEmpty {
            // A name in a directory that the kernel named: no link can be on the way.
            return (ByteString(PathAssembler.joined(base.path, name)), .resolved)
        }
        let isAnchored = argument.first == UInt8(ascii: "/") || whole
        if isAnchored, let (directory, name) = PathAssembler.split(text),
            let real = resolve(directory, pid: pid, followLast: true)
        {
            return (ByteString(PathAssembler.joined(ByteString(real), name)), .resolved)
        }
        if isAnchored, PathAssembler.split(text) == nil, let real = resolve(text, pid: pid, followLast: true) {
            return (ByteString(real), .resolved)
        }
        return (PathAssembler.normalized(text), .argument)
    }

    /// Whether the caller's string leads to `path` when all links are followed.
    package mutating func leads(_ argument: [UInt8], base: AssembledPath?, to path: ByteString, pid: UInt32) -> Bool {
        let text = PathAssembler.joined(base?.path, argument)
        guard text.first == UInt8(ascii: "/") else { return false }
        if PathAssembler.normalized(text) == path { return true }
        return resolve(text, pid: pid, followLast: true) == path.bytes
    }

    private mutating func resolve(_ path: [UInt8], pid: UInt32, followLast: Bool) -> [UInt8]? {
        guard pid != 0 else { return nil }
        guard left > 0 else {
            refused += 1
            return nil
        }
        left -= 1
        return host.answer(.resolve(pid: pid, path: ByteString(path), followLast: followLast)).bytes
    }
}
