// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The file behind a destination: put aside as `FILE.1`, with those before it as `FILE.2` and so on, when its time has come, and
/// begun anew when somebody else has put it aside. For the writing thread, between two lines.
///
/// The descriptor stays the same; what it stands for changes.
package struct RotatedFile {
    private let path: String
    private let descriptor: Int32
    private let rotation: FileRotation
    /// Wall clock, seconds since 1970.
    private var begun: Int

    /// Why what stands at a path cannot be put aside, as a phrase; nil: it can. Renaming a link would leave what it leads to where it is.
    package static func refusal(of path: String) -> String? {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        return switch status.st_mode & S_IFMT {
        case S_IFREG: nil
        case S_IFLNK: "\(path) is a symbolic link, which cannot be put aside: name the file itself"
        default: "\(path) is no regular file, and cannot be put aside"
        }
    }

    /// nil: it is no file that can be put aside: a pipe, a device, a link, standard output.
    init?(_ destination: LineDestination, _ rotation: FileRotation) {
        guard let path = destination.path, Self.refusal(of: path) == nil,
            let status = Self.status(of: destination.descriptor), status.st_mode & S_IFMT == S_IFREG
        else { return nil }
        (self.path, descriptor, self.rotation) = (path, destination.descriptor, rotation)
        begun = time(nil)
        // One that an earlier daemon has begun began when the one before it was put aside, as far as there is one.
        var before = stat()
        if status.st_size > 0, stat("\(path).1", &before) == 0 { begun = min(before.st_ctim.tv_sec, begun) }
    }

    /// To be called before so many bytes are written.
    ///
    /// - Throws: why no other file can be begun; lines go on into the one that is open.
    mutating func prepare(for count: Int) throws(SystemError) {
        guard let own = Self.status(of: descriptor) else { return }
        var other = stat()
        if stat(path, &other) != 0 || (other.st_ino, other.st_dev) != (own.st_ino, own.st_dev) {
            return try begin()
        }
        let isLong = rotation.bytes > 0 && Int(own.st_size) + count > rotation.bytes
        let isOld = rotation.seconds > 0 && time(nil) - begun >= rotation.seconds
        guard own.st_size > 0, isLong || isOld else { return }
        try putAside()
        try begin()
    }

    /// What is interrupted leaves a number without a file, nothing else.
    private func putAside() throws(SystemError) {
        guard rotation.files > 0 else {
            guard unlink(path) == 0 || errno == ENOENT else { throw SystemError("remove \(path)") }
            return
        }
        for number in (1..<rotation.files).reversed() { try move("\(path).\(number)", to: "\(path).\(number + 1)") }
        try move(path, to: "\(path).1")
    }

    private func move(_ old: String, to new: String) throws(SystemError) {
        guard rename(old, new) == 0 || errno == ENOENT else { throw SystemError("rename \(old)") }
    }

    private mutating func begin() throws(SystemError) {
        let new = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0o600)
        guard new >= 0 else { throw SystemError("open \(path)") }
        defer { close(new) }
        guard dup2(new, descriptor) >= 0, fcntl(descriptor, F_SETFD, FD_CLOEXEC) >= 0 else {
            throw SystemError("open \(path)")
        }
        begun = time(nil)
    }

    private static func status(of descriptor: Int32) -> stat? {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? status : nil
    }
}
