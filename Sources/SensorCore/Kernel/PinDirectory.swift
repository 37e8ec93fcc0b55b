// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// A directory of a BPF file system (bpffs), in which programs, their links and maps outlive the daemon.
///
///     DIRECTORY/v1/links/sys_exit      keeps the program on its hook
///     DIRECTORY/v1/programs/sys_exit
///     DIRECTORY/v1/maps/activity
///     DIRECTORY/v1/manifest            what is there, in whose terms: pinned last, and taken away first
///
/// Another layout of these names gets another number.
struct PinDirectory {
    enum Part: String, CaseIterable {
        // In the order of their removal: from the first moment on nothing runs any more.
        case links
        case programs
        case maps
    }

    let path: String

    private static let layout = "v1"
    private var current: String { "\(path)/\(Self.layout)" }
    private var manifestPath: String { "\(current)/manifest" }

    /// Makes it where it is missing.
    ///
    /// - Throws: `badSetting` where there is no BPF file system, or the directory is another user's.
    func make() throws(KernelError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .systemCall("cannot make \(path)") }
        guard Self.isOnBPFFileSystem(path) else {
            // What was just made, elsewhere.
            rmdir(path)
            throw KernelError(
                .badSetting, "\(path) is not on a BPF file system: choose a directory below /sys/fs/bpf, or mount one")
        }
        var status = stat()
        guard lstat(path, &status) == 0 else { throw .systemCall("cannot look at \(path)") }
        // Who has it could keep the lease from every daemon, which would wait for ever.
        guard status.st_uid == geteuid() else {
            throw KernelError(.badSetting, "\(path) belongs to user \(status.st_uid): remove it, or choose another")
        }
        // A mount may be for reading only.
        guard access(path, W_OK) == 0 else { throw .systemCall("cannot write to \(path)") }
    }

    static func isOnBPFFileSystem(_ path: String) -> Bool {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return sensor_is_bpffs(descriptor) != 0
    }

    // MARK: What is pinned

    func pin(_ descriptor: Int32, as name: String, in part: Part) throws(KernelError) {
        let folder = "\(current)/\(part.rawValue)"
        for made in [current, folder] where mkdir(made, 0o700) != 0 && errno != EEXIST {
            throw .systemCall("cannot make \(made)")
        }
        try Self.pin(descriptor, at: "\(folder)/\(name)")
    }

    private static func pin(_ descriptor: Int32, at path: String) throws(KernelError) {
        let error = bpf_obj_pin(descriptor, path)
        guard error == 0 else { throw KernelError(.systemCall, "cannot pin \(path)", errorNumber: -error) }
    }

    /// A descriptor of what is pinned by that name; nil if nothing is. The caller closes it.
    ///
    /// errno says why there is none.
    func descriptor(of name: String, in part: Part) -> Int32? {
        let descriptor = bpf_obj_get("\(current)/\(part.rawValue)/\(name)")
        return descriptor >= 0 ? descriptor : nil
    }

    func names(in part: Part) -> [String] { Self.names(in: "\(current)/\(part.rawValue)") }

    /// What it all belongs to; nil: nothing is here, or it is not whole.
    func readManifest() -> PinManifest? {
        let map = bpf_obj_get(manifestPath)
        guard map >= 0 else { return nil }
        defer { close(map) }
        var information = bpf_map_info()
        var length = UInt32(MemoryLayout<bpf_map_info>.size)
        guard bpf_obj_get_info_by_fd(map, &information, &length) == 0, information.key_size == 4 else { return nil }
        var text = [UInt8](repeating: 0, count: Int(information.value_size))
        var key: UInt32 = 0
        guard bpf_map_lookup_elem(map, &key, &text) == 0 else { return nil }
        return PinManifest(String(decoding: text.prefix { $0 != 0 }, as: UTF8.self))
    }

    /// From now on it is whole. BPF file systems have no files: a map of one element holds the text.
    func write(_ manifest: PinManifest) throws(KernelError) {
        var text = Array(manifest.text.utf8) + [0]
        let map = bpf_map_create(
            BPF_MAP_TYPE_ARRAY, "manifest", 4, UInt32(text.count), 1, nil)
        guard map >= 0 else { throw KernelError(.systemCall, "cannot make the manifest", errorNumber: -map) }
        defer { close(map) }
        var key: UInt32 = 0
        let error = bpf_map_update_elem(map, &key, &text, UInt64(BPF_ANY))
        guard error == 0 else { throw KernelError(.systemCall, "cannot write the manifest", errorNumber: -error) }
        try Self.pin(map, at: manifestPath)
    }

    // MARK: Removal

    /// Whether there is anything, of whatever layout.
    var isEmpty: Bool { Self.names(in: path).isEmpty }

    /// Takes everything out that is pinned here, of whatever layout: programs leave their hooks, and what nobody has open
    /// leaves the kernel.
    func clear() throws(KernelError) {
        for layout in Self.names(in: path).sorted() {
            let folder = "\(path)/\(layout)"
            unlink("\(folder)/manifest")
            for part in Part.allCases { Self.removeAll(in: "\(folder)/\(part.rawValue)") }
            // What another version has put there, by names that this one does not know.
            for name in Self.names(in: folder) { Self.removeAll(in: "\(folder)/\(name)") }
            guard rmdir(folder) == 0 || unlink(folder) == 0 else { throw .systemCall("cannot remove \(folder)") }
        }
    }

    /// A folder of pins, or a pin.
    private static func removeAll(in folder: String) {
        for name in names(in: folder) { unlink("\(folder)/\(name)") }
        if rmdir(folder) != 0 { unlink(folder) }
    }

    private static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
