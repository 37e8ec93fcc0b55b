// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// A loaded eBPF object: its maps and programs. Closing it takes everything back out of the kernel but what is pinned.
struct BPFObject: ~Copyable {
    let image: ObjectImage
    /// As libbpf has it; nil where another process has loaded it.
    private let object: OpaquePointer?
    /// What another process has loaded.
    private let pinned: PinnedObject?
    private(set) var programs: [ProgramStatus]
    private var links: [(program: String, link: OpaquePointer)] = []

    deinit {
        for (_, link) in links { bpf_link__destroy(link) }
        if let object { bpf_object__close(object) }
    }

    private init(image: ObjectImage, object: OpaquePointer, programs: [ProgramStatus]) {
        self.image = image
        self.object = object
        self.programs = programs
        pinned = nil
    }

    /// What another process has loaded, attached and pinned.
    init(_ pinned: PinnedObject) {
        image = pinned.manifest.image
        object = nil
        self.pinned = pinned
        programs = pinned.statuses
    }

    // MARK: Loading

    /// Loads the image that serves this kernel best: the first, unless one behind it gets more programs in.
    ///
    /// A program that is refused is left out and named in `programs`; the others are loaded without it.
    static func load(
        settings: KernelSettings, config: sensor_config, absent: Set<String> = []
    ) throws(KernelError) -> BPFObject {
        var failure: KernelError?
        var best: BPFObject?
        for image in settings.images {
            do {
                let loaded = try load(image, settings, config, absent)
                if loaded.refused == loaded.forbidden { return loaded }
                if let known = best.take() {
                    best = known.refused <= loaded.refused ? consume known : consume loaded
                } else {
                    best = consume loaded
                }
            } catch {
                failure = failure ?? error
                if error.code != .loadFailed { throw error }
            }
        }
        guard let found = best.take() else { throw failure ?? KernelError(.badObject, "no eBPF object") }
        return found
    }

    /// Those that are refused for want of a privilege, by whatever image.
    private var forbidden: Int { programs.count { $0.state == .refused(EPERM) } }

    private var refused: Int {
        programs.count {
            if case .refused = $0.state { true } else { false }
        }
    }

    /// libbpf loads all or nothing, in the object's order, and an object whose load failed is spent: so the object is
    /// opened again without the program that failed, first with those behind it alone, to learn which others fail. That
    /// way each is verified twice at most, however many are refused.
    private static func load(
        _ image: ObjectImage, _ settings: KernelSettings, _ config: sensor_config, _ absent: Set<String>
    ) throws(KernelError) -> BPFObject {
        let bytes = image.bytes()
        var left = Left(
            uniqueKeysWithValues: absent.map { ($0, (state: ProgramStatus.State.absent, log: "no such tracepoint")) })
        let privileges = Privileges.current()
        var mayAttachToCgroups = privileges.has(.netAdmin) || privileges.has(.sysAdmin)
        var accepted: Set<String> = []
        while true {
            let log = LibbpfLog()
            let (object, status) = log.collect {
                open(bytes, settings, config, without: &left, mayAttachToCgroups, accepted)
            }
            guard let object else {
                throw KernelError(
                    .badObject, "the embedded eBPF object cannot be opened", errorNumber: -status, log: log.lastLines())
            }
            let error = status != 0 ? status : log.collect { bpf_object__load(object) }
            if error == 0, !accepted.isEmpty {
                bpf_object__close(object)
                accepted = []
                continue
            }
            if error == 0 {
                return BPFObject(image: image, object: object, programs: describe(object, left))
            }
            let names = describe(object, left).map(\.name)
            let isOfCgroup = log.program.flatMap { name in describe(object, left).first { $0.name == name } }?
                .isOfCgroup
            bpf_object__close(object)
            guard let program = log.program, left[program] == nil else {
                throw KernelError(
                    .loadFailed, "the kernel refuses the eBPF object (\(image.rawValue))", errorNumber: -error,
                    log: log.lastLines())
            }
            left[program] = (log.saysNoAttachPoint ? .absent : .refused(-error), log.lastLines())
            // What the kernel asks for is asked for by all of them.
            if isOfCgroup == true, error == -EPERM { mayAttachToCgroups = false }
            accepted.formUnion(names.prefix { $0 != program })
        }
    }

    /// Programs that are not loaded, and why.
    private typealias Left = [String: (state: ProgramStatus.State, log: String)]

    /// Programs for tracepoints that the kernel does not have. To be left out from the start, since each one that
    /// fails costs another load.
    static func absentPrograms(
        of image: ObjectImage, _ types: borrowing KernelTypes
    ) throws(KernelError) -> Set<String> {
        let bytes = image.bytes()
        let object = bytes.withUnsafeBytes { bpf_object__open_mem($0.baseAddress, $0.count, nil) }
        guard let object else {
            throw KernelError(.badObject, "the embedded eBPF object cannot be opened", errorNumber: errno)
        }
        defer { bpf_object__close(object) }
        var absent: Set<String> = []
        for program in describe(object, [:]) where program.section.hasPrefix("tp_btf/") {
            if !types.hasTracepoint(String(program.section.dropFirst("tp_btf/".count))) { absent.insert(program.name) }
        }
        return absent
    }

    private static func open(
        _ bytes: [UInt8], _ settings: KernelSettings, _ config: sensor_config,
        without left: inout Left, _ mayAttachToCgroups: Bool, _ accepted: Set<String>
    ) -> (OpaquePointer?, Int32) {
        // What is known to be accepted need not be tried again before all is known.
        let object = bytes.withUnsafeBytes { bpf_object__open_mem($0.baseAddress, $0.count, nil) }
        guard let object else { return (nil, -errno) }
        for (name, entries) in [
            ("lifecycle", UInt32(settings.lifecycleRingBytes)), ("activity", UInt32(settings.activityRingBytes)),
            ("memory", settings.memoryEntries), ("failures", settings.failureEntries),
            ("workloads", settings.workloadEntries), ("released", settings.workloadEntries),
            ("losses", settings.lossEntries), ("scope_processes", settings.scopeProcesses),
            ("scope_cgroups", settings.scopeCgroups), ("unwatched", settings.unwatchedCgroups),
            ("unstreamed", settings.unwatchedCgroups), ("reduced", settings.unwatchedCgroups),
        ] {
            guard let map = bpf_object__find_map_by_name(object, name) else { continue }
            let error = bpf_map__set_max_entries(map, entries)
            if error != 0 { return (object, error) }
        }
        var size = 0
        guard let map = bpf_object__find_map_by_name(object, ".rodata.config"),
            let value = bpf_map__initial_value(map, &size), size >= MemoryLayout<sensor_config>.size
        else { return (object, -ENOENT) }
        // The section may be longer than the structure, and it is set as a whole.
        var section = Array(UnsafeRawBufferPointer(start: value, count: size))
        section.withUnsafeMutableBytes { $0.storeBytes(of: config, as: sensor_config.self) }
        let error = bpf_map__set_initial_value(map, section, size)
        if error != 0 { return (object, error) }

        if !mayAttachToCgroups {
            for program in describe(object, left) where program.isOfCgroup && left[program.name] == nil {
                left[program.name] = (.refused(EPERM), "")
            }
        }
        var program = bpf_object__next_program(object, nil)
        while let current = program {
            let name = String(cString: bpf_program__name(current))
            if left[name] != nil || accepted.contains(name) {
                let error = bpf_program__set_autoload(current, false)
                if error != 0 { return (object, error) }
            }
            program = bpf_object__next_program(object, current)
        }
        return (object, 0)
    }

    private static func describe(
        _ object: OpaquePointer, _ left: Left
    ) -> [ProgramStatus] {
        var programs: [ProgramStatus] = []
        var program = bpf_object__next_program(object, nil)
        while let current = program {
            let name = String(cString: bpf_program__name(current))
            programs.append(
                ProgramStatus(
                    name: name, section: String(cString: bpf_program__section_name(current)),
                    state: left[name]?.state ?? .loaded, log: left[name]?.log))
            program = bpf_object__next_program(object, current)
        }
        return programs
    }

    // MARK: Maps and programs

    /// The descriptor of a map; it lives as long as the object.
    func map(_ name: String) throws(KernelError) -> Int32 {
        guard let descriptor = optionalMap(name) else {
            throw KernelError(.badObject, "the eBPF object has no map \(name)", errorNumber: ENOENT)
        }
        return descriptor
    }

    /// A map that an object may lack.
    func optionalMap(_ name: String) -> Int32? {
        guard let object else { return pinned?.map(name) }
        let descriptor = bpf_object__find_map_fd_by_name(object, name)
        return descriptor >= 0 ? descriptor : nil
    }

    /// `max_entries` of a map.
    func entries(of name: String) -> Int {
        guard let map = optionalMap(name) else { return 0 }
        var information = bpf_map_info()
        var length = UInt32(MemoryLayout<bpf_map_info>.size)
        return bpf_obj_get_info_by_fd(map, &information, &length) == 0 ? Int(information.max_entries) : 0
    }

    /// A hash of the object.
    struct Hash {
        let name: String
        let map: Int32
        let keyBytes: Int
        let valueBytes: Int
        /// `max_entries`
        let entries: Int
    }

    /// All hashes, in the object's order.
    var hashes: [Hash] {
        mapNames.compactMap { name in
            guard let map = optionalMap(name) else { return nil }
            var information = bpf_map_info()
            var length = UInt32(MemoryLayout<bpf_map_info>.size)
            guard bpf_obj_get_info_by_fd(map, &information, &length) == 0,
                [BPF_MAP_TYPE_HASH.rawValue, BPF_MAP_TYPE_LRU_HASH.rawValue].contains(information.type)
            else { return nil }
            return Hash(
                name: name, map: map, keyBytes: Int(information.key_size), valueBytes: Int(information.value_size),
                entries: Int(information.max_entries))
        }
    }

    /// Without the compiler's own, which programs hold, and whose names have a dot.
    private var mapNames: [String] {
        guard let object else { return pinned?.manifest.maps ?? [] }
        var names: [String] = []
        var map = bpf_object__next_map(object, nil)
        while let current = map {
            names.append(String(cString: bpf_map__name(current)))
            map = bpf_object__next_map(object, current)
        }
        return names.filter { !$0.contains(".") }
    }

    /// What the kernel keeps about a loaded program: run time, runs, misses. Nil if it is not loaded.
    func information(of program: ProgramStatus) -> bpf_prog_info? {
        guard let descriptor = descriptor(of: program.name) else { return nil }
        var information = bpf_prog_info()
        var length = UInt32(MemoryLayout<bpf_prog_info>.size)
        return bpf_obj_get_info_by_fd(descriptor, &information, &length) == 0 ? information : nil
    }

    /// Of a program that was loaded; it lives as long as the object.
    private func descriptor(of program: String) -> Int32? {
        guard let object else { return pinned?.program(program) }
        guard let handle = bpf_object__find_program_by_name(object, program) else { return nil }
        let descriptor = bpf_program__fd(handle)
        return descriptor >= 0 ? descriptor : nil
    }

    // MARK: Attaching

    /// Attaches every loaded program but iterators, the lifecycle's first. One that fails does not stop the others.
    ///
    /// - Parameter cgroup: descriptor of the root of the cgroup2 tree, nil where there is none.
    mutating func attach(cgroup: Int32?) {
        guard let object else { return }
        let order = programs.indices.sorted { rank(programs[$0]) < rank(programs[$1]) }
        for index in order where programs[index].state == .loaded && !programs[index].section.hasPrefix("iter") {
            guard let program = bpf_object__find_program_by_name(object, programs[index].name) else { continue }
            let isCgroup = programs[index].isOfCgroup
            let log = LibbpfLog()
            let link = log.collect {
                isCgroup ? cgroup.flatMap { bpf_program__attach_cgroup(program, $0) } : bpf_program__attach(program)
            }
            if let link {
                links.append((programs[index].name, link))
                programs[index].state = .attached
            } else {
                programs[index].state = .detached(isCgroup && cgroup == nil ? ENOENT : errno)
                programs[index].log = isCgroup && cgroup == nil ? "no cgroup2 mount" : log.lastLines()
            }
        }
    }

    /// Has the programs, their links and the maps outlive this process. After `attach`.
    ///
    /// - Parameters:
    ///   - digest: of `PinManifest`.
    ///   - further: maps besides those of the object.
    func pin(in directory: PinDirectory, digest: String, further: [String: Int32]) throws(KernelError) {
        if object == nil { return }
        for (program, link) in links { try directory.pin(bpf_link__fd(link), as: program, in: .links) }
        for program in programs {
            if let descriptor = descriptor(of: program.name) {
                try directory.pin(descriptor, as: program.name, in: .programs)
            }
        }
        for name in mapNames { try directory.pin(map(name), as: name, in: .maps) }
        for (name, descriptor) in further { try directory.pin(descriptor, as: name, in: .maps) }
        let maps = further.keys.sorted() + mapNames
        try directory.write(PinManifest(image: image, digest: digest, programs: programs, maps: maps))
    }

    private func rank(_ program: ProgramStatus) -> Int {
        switch program.name {
        case "cgroup_mkdir", "cgroup_rmdir": 0
        case _ where program.name.hasPrefix("sched_process"): 1
        case "sys_exit": 3
        default: 2
        }
    }

    /// Takes all programs off their hooks. Some may still be running when this returns; see `KernelSession.detach`.
    mutating func detach() {
        for (_, link) in links { bpf_link__destroy(link) }
        links = []
        for index in programs.indices where programs[index].state == .attached { programs[index].state = .loaded }
    }

    /// A descriptor that runs the iterator when it is read. The caller closes it.
    func iterator(_ name: String) throws(KernelError) -> Int32 {
        guard let program = descriptor(of: name) else {
            throw KernelError(.unsupported, "this kernel has no iterator \(name)")
        }
        let link = bpf_link_create(program, 0, BPF_TRACE_ITER, nil)
        guard link >= 0 else {
            throw KernelError(.unsupported, "cannot attach the iterator \(name)", errorNumber: -link)
        }
        defer { close(link) }
        let descriptor = bpf_iter_create(link)
        guard descriptor >= 0 else {
            throw KernelError(.unsupported, "cannot run the iterator \(name)", errorNumber: -descriptor)
        }
        return descriptor
    }
}
