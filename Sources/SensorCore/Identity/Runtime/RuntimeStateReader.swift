// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// Looks for a container in the files of runtimes on this machine, without asking any daemon.
///
/// Reads little: plain files of at most a megabyte, in places that runtimes are known to use. Below those places no link
/// is followed, and what a user keeps is read only as that user's, from this machine's own disks: neither a link to the
/// system's state nor a server that does not answer can be put in the way.
package struct RuntimeStateReader: Sendable {
    /// Where the host's root is mounted: `/`, or a directory in a container of a DaemonSet.
    package let root: String

    private static let sizeLimit = 1 << 20

    package init(root: String = "/") {
        self.root = root
    }

    /// - Parameters:
    ///   - runtime: as the cgroup's path tells.
    ///   - user: whose rootless container it is.
    package func container(
        _ runtime: CgroupPath.Runtime?, id: String, user userID: UInt32? = nil
    ) throws(RuntimeStateFault) -> RuntimeContainer {
        let host = sensor_open_directory(root)
        guard host >= 0 else { throw RuntimeStateFault(errno: -host) }
        defer { close(host) }

        var user: RuntimeStateFile.User?
        if let userID { user = RuntimeStateFile.User(id: userID, home: home(of: userID, host: host)) }
        let files = RuntimeStateFile.candidates(runtime: runtime, id: id, user: user)
        guard !files.isEmpty else { throw .unsupported }

        var worst = RuntimeStateFault.missing
        var places = Places(host: host, user: user)
        for file in files {
            do throws(RuntimeStateFault) {
                return try container(in: file, id: id, &places)
            } catch {
                if error != .missing, worst == .missing { worst = error }
            }
        }
        throw worst
    }

    private func container(
        in file: RuntimeStateFile, id: String, _ places: inout Places
    ) throws(RuntimeStateFault) -> RuntimeContainer {
        let bytes = try places.read(file.root, file.path)
        switch file.format {
        case .bundle, .runc:
            return try RuntimeStateDocument.container(bytes, format: file.format, runtime: file.runtime, id: id)
        case .crun:
            let bundle = try RuntimeStateDocument.bundle(ofStatus: bytes)
            let config = try places.read(bundle, "config.json")
            return try RuntimeStateDocument.container(config, format: .bundle, runtime: file.runtime, id: id)
        case .docker:
            var (container, driver) = try RuntimeStateDocument.docker(bytes, id: id)
            if container.imageDigest.isEmpty, let list = file.repositories(driver: driver),
                let bytes = try? places.read(list.root, list.path)
            {
                try? RuntimeStateDocument.complete(&container, repositories: bytes)
            }
            return container
        case .storage(let driver):
            var container = try RuntimeStateDocument.container(
                bytes, format: file.format, runtime: file.runtime, id: id)
            // The lists are long, and the container is known without them.
            for list in RuntimeStateFile.storageContainers(driver: driver, user: places.user)
            where container.name.isEmpty {
                guard let bytes = try? places.read(list.root, list.path) else { continue }
                try? RuntimeStateDocument.complete(&container, storageContainers: bytes)
            }
            let images = RuntimeStateFile.storageImages(driver: driver, user: places.user)
            if container.imageDigest.isEmpty, !container.imageID.isEmpty, let images,
                let bytes = try? places.read(images.root, images.path)
            {
                try? RuntimeStateDocument.complete(&container, storageImages: bytes)
            }
            return container
        }
    }

    /// From the host's own list of users; who is known to a directory server alone has no home here.
    private func home(of user: UInt32, host: Int32) -> String? {
        var places = Places(host: host, user: nil)
        guard let users = try? places.read("/etc", "passwd") else { return nil }
        for line in users.split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard fields.count >= 6, UInt32(String(decoding: fields[2], as: UTF8.self)) == user else { continue }
            let home = String(decoding: fields[5], as: UTF8.self)
            if home.hasPrefix("/"), !home.utf8.contains(0) { return home }
        }
        return nil
    }

    /// Opens the places once for all files in them.
    private struct Places: ~Copyable {
        let host: Int32
        let user: RuntimeStateFile.User?
        private var opened: [String: Int32] = [:]

        init(host: Int32, user: RuntimeStateFile.User?) {
            self.host = host
            self.user = user
        }

        deinit { for descriptor in opened.values where descriptor >= 0 { close(descriptor) } }

        mutating func read(_ root: String, _ path: String) throws(RuntimeStateFault) -> [UInt8] {
            let directory = open(root)
            guard directory >= 0 else { throw RuntimeStateFault(errno: -directory) }
            let descriptor = sensor_open_file_beneath(directory, path, user == nil ? 0 : 1)
            guard descriptor >= 0 else { throw RuntimeStateFault(errno: -descriptor) }
            defer { close(descriptor) }

            var status = stat()
            guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw .unreadable }
            if let user, status.st_uid != user.id { throw .unreadable }
            guard status.st_size <= RuntimeStateReader.sizeLimit else { throw .tooLarge }
            return try RuntimeStateReader.content(descriptor)
        }

        private mutating func open(_ root: String) -> Int32 {
            if let known = opened[root] { return known }
            // A user's home may be a server's: what is not in the caches is not waited for. The system's may be on a
            // disk that has to be asked.
            let isUsers = user.map { root != "/run/user/\($0.id)" } ?? false
            var descriptor = sensor_open_beneath(host, root, isUsers ? 1 : 0)
            if descriptor >= 0, isUsers, sensor_is_local(descriptor) == 0 {
                close(descriptor)
                descriptor = -EACCES
            }
            opened[root] = descriptor
            return descriptor
        }
    }

    private static func content(_ descriptor: Int32) throws(RuntimeStateFault) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = chunk.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw RuntimeStateFault(errno: errno) }
            if count == 0 { return bytes }
            bytes += chunk[..<count]
            guard bytes.count <= sizeLimit else { throw .tooLarge }
        }
    }
}
