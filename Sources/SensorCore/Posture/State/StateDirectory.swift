// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A directory of files that are this daemon's alone: nobody else can write to them, and no other daemon does.
///
/// Files go by their name within it and are never reached through a link.
final class StateDirectory {
    static let lockName = "lock"

    let path: String
    private let folder: Int32
    private let lock: Int32

    /// Makes the directory (0700) where it is missing, and takes its lock, which ends with this object or the process. One that was
    /// made by somebody else, as kubelet does, is closed to others where that takes nothing from them.
    init(_ path: String) throws(StateLogError) {
        self.path = path
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw StateLogError(path, SystemError("make \(path)")) }
        let folder = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard folder >= 0 else {
            if errno == ELOOP || errno == ENOTDIR { throw StateLogError(path, .untrusted("it is no directory")) }
            throw StateLogError(path, SystemError("open \(path)"))
        }
        do throws(StateLogError) {
            try Self.check(folder, path)
            lock = try Self.takeLock(folder, path)
        } catch {
            close(folder)
            throw error
        }
        self.folder = folder
        closeToOthers()
    }

    /// There is nothing in it that they may read. As well as it goes: each file is closed to them by itself.
    private func closeToOthers() {
        var status = stat()
        guard fstat(folder, &status) == 0, status.st_mode & 0o077 != 0, let names = try? names() else { return }
        let isClosed = names.allSatisfy { name in
            var entry = stat()
            return name == "." || name == ".."
                || fstatat(folder, name, &entry, AT_SYMLINK_NOFOLLOW) == 0 && entry.st_uid == geteuid()
                    && entry.st_mode & 0o077 == 0
        }
        if isClosed { fchmod(folder, 0o700) }
    }

    /// To look at what somebody else may be writing: makes nothing and takes no lock.
    init(reading path: String) throws(StateLogError) {
        self.path = path
        folder = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        lock = -1
        guard folder >= 0 else { throw StateLogError(path, SystemError("open \(path)")) }
    }

    deinit {
        // A child between fork and exec has the lock as well, and would keep it.
        if lock >= 0 {
            flock(lock, LOCK_UN)
            close(lock)
        }
        close(folder)
    }

    private static func check(_ folder: Int32, _ path: String) throws(StateLogError) {
        var status = stat()
        guard fstat(folder, &status) == 0 else { throw StateLogError(path, SystemError("stat \(path)")) }
        guard status.st_uid == geteuid() else {
            throw StateLogError(path, .untrusted("it belongs to user \(status.st_uid)"))
        }
        guard status.st_mode & 0o022 == 0 else { throw StateLogError(path, .untrusted("others may write to it")) }
    }

    private static func takeLock(_ folder: Int32, _ path: String) throws(StateLogError) -> Int32 {
        var lock = openat(folder, lockName, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0o600)
        if lock < 0, errno == EROFS { lock = openat(folder, lockName, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK) }
        guard lock >= 0 else { throw StateLogError(path, SystemError("open \(path)/\(lockName)")) }
        if flock(lock, LOCK_EX | LOCK_NB) == 0 { return lock }
        let number = errno
        let process = words(lock).first ?? "unknown"
        close(lock)
        if number == EWOULDBLOCK { throw StateLogError(path, .locked(lock: "\(path)/\(lockName)", process: process)) }
        throw StateLogError(path, SystemError("lock \(path)/\(lockName)", number: number))
    }

    /// The lock's file: who has it, and up to which segment the log has come.
    private static func words(_ lock: Int32) -> [String] {
        var text = [UInt8](repeating: 0, count: 64)
        let count = pread(lock, &text, text.count, 0)
        return String(decoding: text.prefix(max(0, count)), as: UTF8.self).split(whereSeparator: \.isWhitespace).map {
            String($0)
        }
    }

    var notedSegment: UInt32? { Self.words(lock).dropFirst().first.flatMap { UInt32($0) } }

    /// As well as it goes: the lock is held whatever its file says.
    func note(segment: UInt32) {
        let text = Array("\(getpid()) \(segment)\n".utf8)
        if pwrite(lock, text, text.count, 0) == text.count { ftruncate(lock, off_t(text.count)) }
    }

    func create(_ name: String) throws(SystemError) -> Int32 {
        let file = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw SystemError("make \(path)/\(name)") }
        return file
    }

    /// - Throws: also if it is no regular file (EPERM).
    func open(_ name: String, forWriting: Bool = false) throws(SystemError) -> Int32 {
        let file = openat(
            folder, name, (forWriting ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard file >= 0 else { throw SystemError("open \(path)/\(name)") }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid() else {
            close(file)
            throw SystemError("trust \(path)/\(name)", number: EPERM)
        }
        return file
    }

    /// Of all files, in no order.
    func names() throws(SystemError) -> [String] {
        let copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else { throw SystemError("list \(path)") }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
        }
        return names
    }

    func remove(_ name: String) throws(SystemError) {
        guard unlinkat(folder, name, 0) == 0 || errno == ENOENT else { throw SystemError("remove \(path)/\(name)") }
    }

    func rename(_ name: String, to other: String) throws(SystemError) {
        guard renameat(folder, name, folder, other) == 0 else { throw SystemError("rename \(path)/\(name)") }
    }

    /// It has no name any more: what is written in it goes with this process.
    var isRemoved: Bool { Self.isRemoved(folder) }

    /// The same of a file or directory that is open.
    static func isRemoved(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_nlink == 0
    }

    /// Bytes of the file system: free for this program, and all; nil: it does not say.
    var space: (free: Int, total: Int)? {
        var status = statvfs()
        guard fstatvfs(folder, &status) == 0, status.f_blocks > 0 else { return nil }
        let block = Int(clamping: status.f_frsize)
        // What a file system without an end says leaves room for sums.
        func bytes(_ blocks: Int) -> Int {
            let (bytes, isOver) = blocks.multipliedReportingOverflow(by: block)
            return isOver ? Int.max / 4 : min(bytes, Int.max / 4)
        }
        return (bytes(Int(clamping: status.f_bavail)), bytes(Int(clamping: status.f_blocks)))
    }

    /// Makes what was created, renamed and removed outlive a loss of power.
    func sync() throws(SystemError) {
        guard fsync(folder) == 0 else { throw SystemError("sync \(path)") }
    }
}
