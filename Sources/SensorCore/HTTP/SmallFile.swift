// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Reads and replaces files that fit into memory at once, and that nobody else can have written.
package enum SmallFile {
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Makes the directory that the file is to be in, for the owner alone, where it is missing.
    static func makeDirectory(of path: String) {
        if let end = path.lastIndex(of: "/"), end > path.startIndex { mkdir(String(path[..<end]), 0o700) }
    }

    /// - Throws: why not, without the path: others may have written it, too. What is longer than `limit` is refused, not cut.
    package static func read(_ path: String, limit: Int) throws(EndpointError) -> [UInt8] {
        let descriptor: Int32
        do throws(TrustedFile.Refusal) { descriptor = try TrustedFile.open(path, waits: false) } catch {
            throw EndpointError(error.path == path ? error.reason : error.description)
        }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16384)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return content }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw EndpointError(SystemError.text(of: errno)) }
            content += buffer.prefix(count)
            guard content.count <= limit else { throw EndpointError("longer than \(limit) bytes") }
        }
    }

    /// Puts `content` in the place of what is there, whole or not at all, so that it outlives a loss of power. For the
    /// owner alone (0600).
    package static func replace(_ path: String, with content: [UInt8]) throws(SystemError) {
        let draft = path + ".new"
        unlink(draft)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw SystemError("open \(draft)") }
        do throws(SystemError) {
            try write(content, to: descriptor)
            guard fsync(descriptor) == 0 else { throw SystemError("fsync \(draft)") }
        } catch {
            close(descriptor)
            unlink(draft)
            throw error
        }
        close(descriptor)
        guard rename(draft, path) == 0 else {
            let error = SystemError("rename \(draft)")
            unlink(draft)
            throw error
        }
        let directory = open(
            path.lastIndex(of: "/").map { String(path[...$0]) } ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }

    private static func write(_ content: [UInt8], to descriptor: Int32) throws(SystemError) {
        var rest = content[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SystemError("write") }
            rest.removeFirst(count)
        }
    }
}
