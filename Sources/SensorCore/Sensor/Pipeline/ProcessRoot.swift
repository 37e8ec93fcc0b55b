// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// The root of a process, to look up paths in as the process would.
///
/// The kernel's own walk does nearly all of it. But whoever makes that walk is this process, and `/proc/self` is whoever
/// looks: what leads through procfs is walked again, name by name, with the process in the place of this one.
struct ProcessRoot: ~Copyable {
    struct Failure: Error {
        var errno: Int32
    }

    /// Links on one way, as the kernel has it.
    private static let maximumLinks = 40

    private let root: Int32
    private let pid: UInt32
    private let isItself: Bool
    private let isCached: Bool

    /// - Parameters:
    ///   - isItself: whether it is `pid` that `/proc/self` stands for.
    ///   - isCached: nothing is waited for: what is not in the kernel's caches fails with EAGAIN (5.12).
    init(_ pid: UInt32, isItself: Bool, isCached: Bool) throws(Failure) {
        self.pid = pid
        self.isItself = isItself
        self.isCached = isCached
        root = sensor_open_directory("/proc/\(pid)/root")
        if root < 0 { throw Failure(errno: root == -ENOENT ? HostQuestion.noProcess : -root) }
    }

    deinit { close(root) }

    /// Where `path` leads, with all links followed, as the process's root shows it. EXDEV: what it leads to is not there.
    func path(of path: [UInt8]) throws(Failure) -> [UInt8] {
        do throws(Failure) {
            let found = try Descriptor(sensor_open_beneath(root, Self.terminated(path), isCached ? 1 : 0))
            if !found.isOfProc { return try shown(found) }
        } catch  where [ENOENT, ENOTDIR, ELOOP, EAGAIN].contains(error.errno) {
            // What is not there for this process may be there for the other. And procfs has next to nothing in the caches.
        }
        return try shown(walk(path))
    }

    // MARK: Name by name

    private func walk(_ path: [UInt8], links: Int = 0) throws(Failure) -> Descriptor {
        var place = try top()
        var names = Self.names(path)
        var links = links
        while let name = names.popLast() {
            if name.elementsEqual("..".utf8), try shown(place) == [UInt8(ascii: "/")] { continue }
            if try isOwn(name, in: place) {
                names.append(Array("\(try number(in: place))".utf8))
                continue
            }
            // Nobody is waited for in procfs.
            let next = try Descriptor(
                sensor_open_name(place.number, Self.terminated(name), isCached && !place.isOfProc ? 1 : 0))
            guard next.isLink else {
                place = next
                continue
            }
            links += 1
            if links > Self.maximumLinks { throw Failure(errno: ELOOP) }
            if place.isOfProc, !place.isRootOfProc {
                place = try target(of: name, in: place, links)
            } else {
                let text = try Self.link(next.number, "")
                names += Self.names(text)
                if text.first == UInt8(ascii: "/") { place = try top() }
            }
        }
        return place
    }

    /// What a link of procfs leads to that is no text: the object itself. Only if its text leads there too, from this root:
    /// a descriptor can be from another one.
    private func target(of name: [UInt8], in place: borrowing Descriptor, _ links: Int) throws(Failure) -> Descriptor {
        let object = try Descriptor(sensor_open_target(place.number, Self.terminated(name)))
        let named = try walk(shown(object), links: links)
        guard named.isSame(as: object) else { throw Failure(errno: EXDEV) }
        return named
    }

    /// Whether a name stands for whoever looks.
    private func isOwn(_ name: [UInt8], in place: borrowing Descriptor) throws(Failure) -> Bool {
        let isThread = name.elementsEqual("thread-self".utf8)
        guard isThread || name.elementsEqual("self".utf8), place.isRootOfProc else { return false }
        // Which thread it was is not told, and an ancestor is another process.
        if isThread || !isItself { throw Failure(errno: EXDEV) }
        return true
    }

    /// The process's number in the pid namespace that this procfs shows.
    private func number(in proc: borrowing Descriptor) throws(Failure) -> UInt32 {
        let start = ProcessStat(in: "/proc/\(pid)")?.startTicks
        for number in ProcFile.namespaceNumbers("/proc/\(pid)/status")
        where start != nil && ProcessStat(in: "/proc/self/fd/\(proc.number)/\(number)")?.startTicks == start {
            return number
        }
        throw Failure(errno: start == nil ? HostQuestion.noProcess : EXDEV)
    }

    private func top() throws(Failure) -> Descriptor { try Descriptor(fcntl(root, F_DUPFD_CLOEXEC, 0)) }

    // MARK: Names

    /// As this process sees both. A root of another mount namespace shows as "/", and so do paths in it. ENOENT: it is
    /// gone again.
    private func shown(_ found: borrowing Descriptor) throws(Failure) -> [UInt8] {
        let path = try text(of: found)
        guard path.ends(with: " (deleted)") else { return path }
        // Its name, or what procfs adds to the name of what is gone.
        let named = try Descriptor(sensor_open_beneath(root, Self.terminated(path), isCached ? 1 : 0))
        guard named.isSame(as: found) else { throw Failure(errno: ENOENT) }
        return path
    }

    private func text(of found: borrowing Descriptor) throws(Failure) -> [UInt8] {
        let (path, root) = (try Self.link("/proc/self/fd/\(found.number)"), try Self.link("/proc/self/fd/\(root)"))
        let slash = UInt8(ascii: "/")
        guard path.first == slash else { throw Failure(errno: EXDEV) }
        if root == [slash] { return path }
        if path == root { return [slash] }
        guard path.starts(with: root), path[root.count] == slash else { throw Failure(errno: EXDEV) }
        return Array(path[root.count...])
    }

    /// The last one first.
    private static func names(_ path: [UInt8]) -> [[UInt8]] {
        path.split(separator: UInt8(ascii: "/")).reversed().map { Array($0) }.filter { !$0.elementsEqual(".".utf8) }
    }

    private static func link(_ path: String) throws(Failure) -> [UInt8] { try link(AT_FDCWD, path) }

    /// - Parameter path: empty: `directory` itself is the link.
    private static func link(_ directory: Int32, _ path: String) throws(Failure) -> [UInt8] {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlinkat(directory, path, &bytes, bytes.count)
        if count < 0 { throw Failure(errno: errno) }
        return bytes[..<count].map { UInt8(bitPattern: $0) }
    }

    /// For C.
    private static func terminated(_ path: [UInt8]) throws(Failure) -> [CChar] {
        if path.contains(0) { throw Failure(errno: EINVAL) }
        return path.map { CChar(bitPattern: $0) } + [0]
    }

    /// An open file, closed when it is over.
    private struct Descriptor: ~Copyable {
        let number: Int32
        private let status: stat

        /// - Parameter number: or a negative errno.
        init(_ number: Int32) throws(Failure) {
            if number < 0 { throw Failure(errno: -number) }
            var status = stat()
            if fstat(number, &status) != 0 {
                let error = errno
                close(number)
                throw Failure(errno: error)
            }
            (self.number, self.status) = (number, status)
        }

        deinit { close(number) }

        var isLink: Bool { status.st_mode & S_IFMT == S_IFLNK }

        /// The first directory of a procfs, if it is one of procfs at all (PROC_ROOT_INO in linux/proc_ns.h).
        var isRootOfProc: Bool { isOfProc && status.st_ino == 1 }
        var isOfProc: Bool { sensor_is_proc(number) != 0 }

        func isSame(as other: borrowing Descriptor) -> Bool {
            (status.st_dev, status.st_ino) == (other.status.st_dev, other.status.st_ino)
        }
    }
}

extension [UInt8] {
    fileprivate func ends(with text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        return self.count >= count
            && text.withUTF8Buffer { text in suffix(count).elementsEqual(text) }
    }
}
