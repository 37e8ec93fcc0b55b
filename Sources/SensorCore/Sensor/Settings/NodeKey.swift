// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The secret that a node's digests are made with where the operator gives none: made once, and kept in the state directory.
package enum NodeKey {
    private static let bytes = 32
    private static let name = "digest.key"

    /// Whether a file of the directory is the key, or a draft of it that was left, by its name.
    static func isOwn(_ file: String) -> Bool { file == name || file.hasPrefix(name + ".") }

    /// The key of an earlier run, or a new one that is kept.
    ///
    /// - Throws: it can be neither read nor kept; or somebody else could have read or written what is there.
    package static func load(in directory: String) throws(SystemError) -> [UInt8] {
        let path = "\(directory)/\(name)"
        if let known = try read(path) { return known }
        if mkdir(directory, 0o700) != 0, errno != EEXIST { throw SystemError("mkdir \(directory)") }
        // Whole or not at all, whoever else makes one at the same time.
        let draft = "\(path).\(getpid())"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemError("open \(draft)") }
        defer { unlink(draft) }
        let key = random()
        let isWritten = write(descriptor, key, key.count) == key.count && fsync(descriptor) == 0
        let number = errno
        close(descriptor)
        guard isWritten else { throw SystemError("write \(draft)", number: number) }
        if link(draft, path) == 0 { return key }
        if errno == EEXIST, let other = try read(path) { return other }
        throw SystemError("link \(path)")
    }

    /// One that only this run knows.
    package static func random() -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<bytes).map { _ in UInt8.random(in: .min ... .max, using: &random) }
    }

    /// nil: there is none.
    private static func read(_ path: String) throws(SystemError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        if descriptor < 0, errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw SystemError("open \(path)") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw SystemError("fstat \(path)") }
        let isOwn = status.st_uid == geteuid() || status.st_uid == 0
        guard isOwn, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 == 0 else {
            throw SystemError("trust \(path)", number: EPERM)
        }
        var key = [UInt8](repeating: 0, count: bytes + 1)
        guard Glibc.read(descriptor, &key, key.count) == bytes else {
            throw SystemError("read \(path)", number: EINVAL)
        }
        return Array(key.prefix(bytes))
    }
}
