// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// This machine, as it is now. For one thread.
package final class LiveHostView: HostView {
    /// Mount point of the tracked cgroup hierarchy; nil if there is none.
    private let cgroupRoot: String?
    private let runtimes: RuntimeStateReader
    /// RESOLVE_CACHED is there (5.12): what the process has just walked is in the caches, and a look can neither wait
    /// for a disk nor for a server that is gone. Without it it may.
    private var hasCachedLookups = true

    /// Files of /proc are read up to here; arguments as far as records hold them.
    private static let fileLimit = 64 << 10
    private static let argumentsLimit = Int(SENSOR_ARGUMENTS_MAX)
    /// Cgroups of one scan.
    private static let cgroupLimit = 65_536

    /// - Parameter hostRoot: where the machine's own root is mounted, for what runtimes keep below it.
    package init(cgroupRoot: String?, hostRoot: String = "/") {
        self.cgroupRoot = cgroupRoot
        runtimes = RuntimeStateReader(root: hostRoot)
    }

    package func answer(_ question: HostQuestion) -> HostAnswer {
        switch question {
        case .processes: processes()
        case .file(let pid, let file): self.file(pid, file)
        case .link(let pid, .executable): link("/proc/\(pid)/exe")
        case .link(let pid, .workingDirectory): link("/proc/\(pid)/cwd")
        case .resolve(let pid, let path, let isItself): resolve(pid, path, isItself: isItself)
        case .cgroups: cgroups()
        case .cgroupID(let path): cgroupID(path)
        case .runtimeState(let runtime, let id, let user): runtimeState(runtime, id, user)
        }
    }

    private func runtimeState(_ runtime: CgroupPath.Runtime?, _ id: String, _ user: UInt32?) -> HostAnswer {
        do throws(RuntimeStateFault) {
            return .bytes(try runtimes.container(runtime, id: id, user: user).encoded)
        } catch {
            return .failure(error.errno)
        }
    }

    // MARK: /proc

    private func processes() -> HostAnswer {
        guard let directory = opendir("/proc") else { return .failure(errno) }
        defer { closedir(directory) }
        var bytes: [UInt8] = []
        while let entry = readdir(directory) {
            guard let pid = UInt32(Self.name(entry)) else { continue }
            withUnsafeBytes(of: pid.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return .bytes(bytes)
    }

    private func file(_ pid: UInt32, _ file: HostQuestion.ProcessFile) -> HostAnswer {
        let (name, limit) =
            switch file {
            case .stat: ("stat", Self.fileLimit)
            case .status: ("status", Self.fileLimit)
            case .cmdline: ("cmdline", Self.argumentsLimit)
            case .cgroup: ("cgroup", Self.fileLimit)
            }
        let descriptor = open("/proc/\(pid)/\(name)", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            while bytes.count < limit {
                let count = read(descriptor, buffer.baseAddress, min(buffer.count, limit - bytes.count))
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { return .failure(errno) }
                if count == 0 { break }
                bytes.append(contentsOf: buffer[..<count])
            }
            return .bytes(bytes)
        }
    }

    private func link(_ path: String) -> HostAnswer {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
            guard let start = buffer.baseAddress else { return .failure(ENOMEM) }
            let count = readlink(path, start, buffer.count)
            guard count >= 0 else { return .failure(errno) }
            return .bytes(buffer[..<count].map { UInt8(bitPattern: $0) })
        }
    }

    // MARK: Paths

    private func resolve(_ pid: UInt32, _ path: ByteString, isItself: Bool) -> HostAnswer {
        var result = walk(pid, path, isItself)
        if result == .failure(EINVAL), hasCachedLookups {
            hasCachedLookups = false
            result = walk(pid, path, isItself)
            if case .failure = result { hasCachedLookups = true }
        }
        return result
    }

    private func walk(_ pid: UInt32, _ path: ByteString, _ isItself: Bool) -> HostAnswer {
        do throws(ProcessRoot.Failure) {
            let root = try ProcessRoot(pid, isItself: isItself, isCached: hasCachedLookups)
            return .bytes(try root.path(of: path.bytes))
        } catch {
            return .failure(error.errno)
        }
    }

    // MARK: Cgroups

    private func cgroupID(_ path: ByteString) -> HostAnswer {
        guard let cgroupRoot else { return .failure(ENOENT) }
        guard let name = Self.terminated(Array(cgroupRoot.utf8) + path.bytes) else { return .failure(EINVAL) }
        var status = stat()
        guard stat(name, &status) == 0 else { return .failure(errno) }
        return .bytes(withUnsafeBytes(of: UInt64(status.st_ino).littleEndian) { Array($0) })
    }

    /// The id of a cgroup is the inode number of its directory. Names are bytes: whoever makes one chooses them.
    private func cgroups() -> HostAnswer {
        guard let cgroupRoot else { return .failure(ENOENT) }
        var bytes: [UInt8] = []
        func add(_ id: UInt64, _ path: [UInt8]) {
            let shown = path.isEmpty ? [UInt8(ascii: "/")] : path
            withUnsafeBytes(of: id.littleEndian) { bytes.append(contentsOf: $0) }
            withUnsafeBytes(of: UInt32(shown.count).littleEndian) { bytes.append(contentsOf: $0) }
            bytes += shown
        }
        var count = 0
        var pending: [[UInt8]] = [[]]
        while let path = pending.popLast() {
            guard count < Self.cgroupLimit, let name = Self.terminated(Array(cgroupRoot.utf8) + path),
                let directory = opendir(name)
            else {
                // One that has just been removed is missed by nobody.
                if count >= Self.cgroupLimit || errno != ENOENT { add(0, path) }
                continue
            }
            defer { closedir(directory) }
            var status = stat()
            guard fstat(dirfd(directory), &status) == 0 else {
                add(0, path)
                continue
            }
            add(UInt64(status.st_ino), path)
            count += 1
            var below: [[UInt8]] = []
            while let entry = readdir(directory) {
                guard entry.pointee.d_type == UInt8(DT_DIR) else { continue }
                let name = Self.bytes(entry)
                if !name.elementsEqual(".".utf8), !name.elementsEqual("..".utf8) {
                    below.append(path + [UInt8(ascii: "/")] + name)
                }
            }
            pending += below
        }
        return .bytes(bytes)
    }

    /// For C; nil if a zero byte is in it.
    private static func terminated(_ path: [UInt8]) -> [CChar]? {
        path.contains(0) ? nil : path.map { CChar(bitPattern: $0) } + [0]
    }

    private static func name(_ entry: UnsafeMutablePointer<dirent>) -> String {
        String(decoding: bytes(entry), as: UTF8.self)
    }

    private static func bytes(_ entry: UnsafeMutablePointer<dirent>) -> [UInt8] {
        withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
    }
}
