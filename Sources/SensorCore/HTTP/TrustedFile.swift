// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// A file that nobody but root and this user can have written, or put in its place.
package enum TrustedFile {
    /// Why a file is not opened.
    package struct Refusal: Error, Equatable, CustomStringConvertible {
        /// The file, or what leads to it: a directory or a symbolic link.
        package var path: String
        package var reason: String

        package var description: String { "\(path): \(reason)" }
    }

    /// Opens it for reading; the caller closes it.
    ///
    /// Whatever leads to it counts as well: every directory, and every symbolic link with what leads to its target. Each must
    /// belong to root or to this user. The file and the directories must not be writable by group or others; a directory may
    /// be if its sticky bit keeps what is in it from being replaced, or if it is mounted read-only, as the kubelet mounts
    /// ConfigMaps and Secrets (0777).
    /// What has no place in any directory, a pipe in /dev/fd, is this process's own. One that stands in a directory counts as
    /// a file does.
    ///
    /// - Parameter waits: for whoever writes into a pipe.
    package static func open(_ path: String, waits: Bool = true) throws(Refusal) -> Int32 {
        var walk = try Walk(path, waits: waits)
        do throws(Refusal) {
            let file = try walk.open()
            walk.end()
            return file
        } catch {
            walk.end()
            throw error
        }
    }

    /// From the root on, one name after the other.
    private struct Walk {
        private let path: String
        private let waits: Bool
        private var directory: Int32
        /// Where that is, for a person.
        private var place = "/"
        private var links = 0

        init(_ path: String, waits: Bool) throws(Refusal) {
            self.path = path
            self.waits = waits
            directory = sensor_open_directory("/")
            guard directory >= 0 else { throw Refusal(path: path, reason: SystemError.text(of: -directory)) }
        }

        func end() { close(directory) }

        mutating func open() throws(Refusal) -> Int32 {
            var names = Self.names(of: path)
            if !path.hasPrefix("/") {
                guard let here = getcwd(nil, 0) else { throw fault() }
                names += Self.names(of: String(cString: here))
                free(here)
            }
            try check(directory, place, isDirectory: true)
            while let name = names.popLast() {
                let next = try step(to: name)
                var status = stat()
                // Of a descriptor that is open it does not fail.
                fstat(next, &status)
                switch status.st_mode & S_IFMT {
                case S_IFLNK:
                    defer { close(next) }
                    try checkOwner(status, spelled(name))
                    names += Self.names(of: try target(of: next))
                case S_IFDIR where !names.isEmpty:
                    place = spelled(name)
                    close(directory)
                    directory = next
                    try check(directory, place, isDirectory: true)
                default:
                    defer { close(next) }
                    guard names.isEmpty else { throw fault(ENOTDIR) }
                    return try file(next, name, isProcs: sensor_is_proc(directory) != 0)
                }
            }
            throw fault(EISDIR)
        }

        /// Reversed: the next one is the last.
        private static func names(of path: String) -> [String] {
            path.split(separator: "/").reversed().filter { $0 != "." }.map(String.init)
        }

        private func spelled(_ name: String) -> String { place == "/" ? "/" + name : place + "/" + name }

        /// It cannot be opened, whether it may be trusted or not.
        private func fault(_ number: Int32 = errno) -> Refusal {
            Refusal(path: path, reason: SystemError.text(of: number))
        }

        /// A link as such; but what one of /proc leads to, its text does not name.
        private func step(to name: String) throws(Refusal) -> Int32 {
            let isOfProc = sensor_is_proc(directory) != 0
            let next = isOfProc ? sensor_open_target(directory, name) : sensor_open_name(directory, name, 0)
            guard next >= 0 else { throw fault(-next) }
            return next
        }

        private mutating func target(of link: Int32) throws(Refusal) -> String {
            links += 1
            guard links <= 40 else { throw fault(ELOOP) }
            var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
            let count = readlinkat(link, "", &buffer, buffer.count)
            guard count > 0 else { throw fault() }
            let target = String(decoding: buffer.prefix(count), as: UTF8.self)
            guard target.hasPrefix("/") else { return target }
            let root = sensor_open_directory("/")
            guard root >= 0 else { throw fault(-root) }
            close(directory)
            directory = root
            place = "/"
            return target
        }

        /// - Parameter isProcs: something of /proc led to it.
        private func file(_ entry: Int32, _ name: String, isProcs: Bool) throws(Refusal) -> Int32 {
            var status = stat()
            guard fstat(entry, &status) == 0 else { throw fault() }
            // Before it is opened, which may wait for whoever else has a pipe's other end.
            if !isProcs || ![S_IFIFO, S_IFSOCK, S_IFCHR].contains(status.st_mode & S_IFMT) {
                try check(entry, spelled(name), isDirectory: false)
            }
            // By its descriptor: no other can have come in its place.
            let file = Glibc.open(
                "/proc/self/fd/\(entry)", O_RDONLY | O_CLOEXEC | O_NOCTTY | (waits ? 0 : O_NONBLOCK))
            guard file >= 0 else { throw fault() }
            return file
        }

        private func check(_ descriptor: Int32, _ path: String, isDirectory: Bool) throws(Refusal) {
            var status = stat()
            guard fstat(descriptor, &status) == 0 else { throw fault() }
            try checkOwner(status, path)
            // Only root makes devices, and what is written into one is not what is read.
            guard status.st_mode & 0o022 != 0, status.st_mode & S_IFMT != S_IFCHR else { return }
            if isDirectory, status.st_mode & S_ISVTX != 0 || isReadOnly(descriptor) { return }
            let mode = String(status.st_mode & 0o7777, radix: 8)
            throw Refusal(path: path, reason: "others may write to it (mode 0\(mode)): chmod go-w")
        }

        private func checkOwner(_ status: stat, _ path: String) throws(Refusal) {
            guard status.st_uid != 0, status.st_uid != geteuid() else { return }
            throw Refusal(path: path, reason: "it belongs to user \(status.st_uid), not to root or to who runs sensord")
        }

        private func isReadOnly(_ descriptor: Int32) -> Bool {
            var system = statvfs()
            return fstatvfs(descriptor, &system) == 0 && system.f_flag & UInt(ST_RDONLY) != 0
        }
    }
}
