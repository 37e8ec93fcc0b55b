// SPDX-License-Identifier: Apache-2.0

/// Which paths are credentials, and of what class. By names alone: nothing is opened.
///
/// Home directories are anywhere, so the last names of a path decide. The kubelet's directories of one version of a volume
/// (`..data`, `..2026_11_22_10_15_00.123`) are looked through. What the operator adds comes first, then what is mounted into
/// this container, then what is known of the world.
package struct CredentialPaths: Sendable {
    package struct Match: Sendable, Hashable {
        package var kind: CredentialKind
        /// The operator's name for the class, or the audience of a projected token.
        package var label: String?

        package init(_ kind: CredentialKind, label: String? = nil) {
            self.kind = kind
            self.label = label
        }
    }

    /// What a pod's specification says is mounted into one container.
    package struct Mounts: Sendable {
        /// Where a token is, and for whom.
        package var tokens: [(path: ByteString, audience: String)]
        /// Directories or files of Secrets.
        package var secrets: [ByteString]

        package init(tokens: [(path: ByteString, audience: String)] = [], secrets: [ByteString] = []) {
            self.tokens = tokens
            self.secrets = secrets
        }
    }

    private let globs: [ConfiguredClass]

    /// - Parameter configured: patterns over whole paths, the first that matches counts, each with a class's name.
    package init(_ configured: [(pattern: String, name: String)] = []) {
        globs = configured.map { ConfiguredClass($0.pattern, name: $0.name) }
    }

    package func match(_ path: ByteString, in mounts: Mounts = Mounts()) -> Match? {
        path.bytes.withUnsafeBufferPointer { match($0, in: mounts) }
    }

    /// Whether `match` would find one.
    package func contains(_ path: ByteString) -> Bool {
        path.bytes.withUnsafeBufferPointer { contains($0) }
    }

    func contains(_ path: ByteSlice) -> Bool {
        isConfigured(path) || PathTail(path).credential != nil
    }

    func isConfigured(_ path: ByteSlice) -> Bool {
        globs.contains { $0.matches(path) }
    }

    /// The path without what changes with each version of the volume it is in: what a credential is known by.
    package static func canonical(_ path: ByteString) -> ByteString {
        let isVersioned = path.bytes.withUnsafeBufferPointer { path in
            var start = 0
            while start < path.count {
                let end = path.segmentEnd(from: start)
                if end < path.count, path.slice(start..<end).isVolumeVersion { return true }
                start = end + 1
            }
            return false
        }
        guard isVersioned else { return path }
        var names = path.bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let last = names.removeLast()
        names.removeAll { $0.withUnsafeBufferPointer(\.isVolumeVersion) }
        return ByteString(Array((names + [last]).joined(separator: [UInt8(ascii: "/")])))
    }

    private func match(_ path: ByteSlice, in mounts: Mounts) -> Match? {
        for entry in globs where entry.matches(path) { return Match(.configured, label: entry.name) }
        let known = PathTail(path).credential
        for token in mounts.tokens where path.isBelow(token.path) {
            return Match(
                known.map { $0 == .secretMount ? .projectedToken : $0 } ?? .projectedToken, label: token.audience)
        }
        if let known { return Match(known) }
        for mount in mounts.secrets where path.isBelow(mount) { return Match(.secretMount) }
        return nil
    }
}

/// A class of the operator's. Most paths are told apart by the ends of the pattern, before it is tried.
private struct ConfiguredClass: Sendable {
    let name: String
    private let glob: Glob
    private let head: [UInt8]
    private let tail: [UInt8]

    init(_ pattern: String, name: String) {
        self.name = name
        glob = Glob(pattern)
        let special = Array("*?[\\".utf8)
        let bytes = Array(pattern.utf8)
        head = Array(bytes.prefix { !special.contains($0) })
        let isPlain = !bytes.contains(UInt8(ascii: "[")) && !bytes.contains(UInt8(ascii: "\\"))
        tail = isPlain ? Array(bytes.reversed().prefix { !special.contains($0) }.reversed()) : []
    }

    func matches(_ path: ByteSlice) -> Bool {
        guard path.count >= head.count, path.count >= tail.count else { return false }
        let isPossible =
            head.withUnsafeBufferPointer { path.slice(0..<$0.count).equals($0) }
            && tail.withUnsafeBufferPointer { path.from(path.count - $0.count).equals($0) }
        return isPossible && glob.matches(path)
    }
}

extension UnsafeBufferPointer where Element == UInt8 {
    /// `..data` and `..2026_…`: the kubelet's link to, and directory of, one version of a volume.
    var isVolumeVersion: Bool {
        count > 2 && self[0] == UInt8(ascii: ".") && self[1] == UInt8(ascii: ".")
            && (self[2].isDigit || equals("..data"))
    }

    /// Whether this is `base` or lies below it, versions of a volume looked through.
    fileprivate func isBelow(_ base: ByteString) -> Bool {
        base.bytes.withUnsafeBufferPointer { base in
            var (start, place) = (0, 0)
            while place <= base.count {
                guard start <= count else { return false }
                let (end, placeEnd) = (segmentEnd(from: start), base.segmentEnd(from: place))
                let name = slice(start..<end)
                if name.isVolumeVersion, end < count {
                    start = end + 1
                    continue
                }
                let wanted = base.slice(place..<placeEnd)
                // A mount path may end with a slash.
                if wanted.isEmpty, placeEnd == base.count, place > 0 { return true }
                guard name.equals(wanted) else { return false }
                (start, place) = (end + 1, placeEnd + 1)
            }
            return true
        }
    }
}
