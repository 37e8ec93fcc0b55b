// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import SensorCore

/// Records of a made-up machine, as tests want them.
enum Records {
    static let session = Session(
        bootID: "b00t", streamID: "0123456789abcdef0123456789abcdef",
        clock: ClockReading(boot: 1_000_000_000, wallOffset: 1_700_000_000_000_000_000))

    /// Components leaf first, as the kernel side walks them.
    static func leafFirst(_ path: String) -> [UInt8] {
        path.split(separator: "/").reversed().flatMap { Array($0.utf8) + [UInt8(ascii: "/")] }
    }

    static func credentials(uid: UInt32 = 0, effective: UInt32? = nil, capabilities: UInt64 = 0) -> sensor_credentials {
        var credentials = sensor_credentials()
        let effective = effective ?? uid
        (credentials.uid, credentials.euid, credentials.suid, credentials.fsuid) = (
            uid, effective, effective, effective
        )
        (credentials.permitted, credentials.effective) = (capabilities, capabilities)
        return credentials
    }

    static func exec(
        pid: UInt32 = 100, start: UInt64 = 7, parent: (UInt32, UInt64) = (1, 1), executable: String = "/usr/bin/cat",
        arguments: [String] = ["cat", "/etc/passwd"], directory: String = "/home", script: String? = nil,
        credentials: sensor_credentials = credentials(), mount: UInt32 = 4_026_531_841, network: UInt32 = 0,
        flags: Int32 = 0, time: UInt64 = 10, cgroup: UInt64 = 42
    ) -> [UInt8] {
        var body = sensor_exec()
        (body.parent_tgid, body.parent_start) = parent
        body.flags = UInt32(flags)
        body.inode = 77
        body.device = 8 << 20 | 1
        body.credentials = credentials
        (body.namespaces.mount, body.namespaces.network) = (mount, network)
        var record = RecordBytes(SENSOR_PROCESS_EXEC, body, hook: SENSOR_HOOK_PROCESS_EXEC, time: time)
            .adding(SENSOR_SECTION_ARGUMENTS, arguments.flatMap { Array($0.utf8) + [0] })
            .adding(SENSOR_SECTION_EXECUTABLE, leafFirst(executable))
        if let script { record = record.adding(SENSOR_SECTION_SCRIPT, Array(script.utf8)) }
        return record.adding(SENSOR_SECTION_DIRECTORY, leafFirst(directory)).changing {
            $0.key.cgroup = cgroup
            ($0.tgid, $0.tid, $0.start) = (pid, pid, start)
        }
    }

    static func fork(
        pid: UInt32, start: UInt64, parent: (UInt32, UInt64), creator: UInt32? = nil,
        credentials: sensor_credentials = credentials(), time: UInt64 = 10
    ) -> [UInt8] {
        var body = sensor_exec()
        (body.parent_tgid, body.parent_start) = parent
        body.creator_tgid = creator ?? parent.0
        body.credentials = credentials
        body.namespaces.mount = 4_026_531_841
        return RecordBytes(SENSOR_PROCESS_FORK, body, hook: SENSOR_HOOK_PROCESS_FORK, time: time).changing(
            by: pid, start)
    }

    static func seen(
        pid: UInt32, start: UInt64, parent: (UInt32, UInt64) = (0, 0), executable: String, directory: String = "/",
        network: UInt32 = 0, thread: UInt32? = nil, time: UInt64 = 10
    ) -> [UInt8] {
        var body = sensor_exec()
        (body.parent_tgid, body.parent_start) = parent
        body.inode = 78
        body.credentials = credentials()
        body.namespaces.network = network
        return RecordBytes(SENSOR_PROCESS_SEEN, body, hook: SENSOR_HOOK_ITER_TASK, time: time)
            .adding(SENSOR_SECTION_EXECUTABLE, leafFirst(executable))
            .adding(SENSOR_SECTION_DIRECTORY, leafFirst(directory)).changing {
                ($0.tgid, $0.tid, $0.start) = (pid, thread ?? pid, start)
            }
    }

    static func exit(pid: UInt32 = 100, start: UInt64 = 7, code: Int32 = 0, signal: Int32 = 0, time: UInt64 = 20)
        -> [UInt8]
    {
        var body = sensor_exit()
        (body.code, body.signal) = (code, signal)
        return RecordBytes(SENSOR_PROCESS_EXIT, body, hook: SENSOR_HOOK_PROCESS_EXIT, time: time).changing(
            by: pid, start)
    }

    static func open(
        _ path: String, object: UInt64 = 1, access: Int32 = 1, fileFlags: Int32 = 0, argument: String? = nil,
        pathFlags: Int32 = 0, mode: UInt32 = 0o100644, flags: Int32 = SENSOR_FIRST_SEEN | SENSOR_REMEMBERED,
        time: UInt64 = 15, pid: UInt32 = 100, start: UInt64 = 7, cgroup: UInt64 = 42, calls: UInt32 = 0
    ) -> [UInt8] {
        var body = sensor_file()
        body.inode = 5
        body.device = 8 << 20 | 1
        body.access = UInt32(access)
        body.mode = mode
        body.flags = UInt32(fileFlags)
        var record = RecordBytes(SENSOR_FILE_OPEN, body, time: time, flags: flags)
            .adding(SENSOR_SECTION_PATH, leafFirst(path), flags: pathFlags)
        if let argument { record = record.adding(SENSOR_SECTION_ARGUMENT, Array(argument.utf8)) }
        return record.changing {
            $0.key.object = object
            $0.key.cgroup = cgroup
            $0.key.calls = calls
            ($0.tgid, $0.tid, $0.start) = (pid, pid, start)
        }
    }

    static func named(
        _ kind: sensor_kind, base: String?, argument: String, newBase: String? = nil, newArgument: String? = nil,
        access: UInt32 = 0, flags: Int32 = 0, error: UInt16 = 0, record: Int32 = SENSOR_FIRST_SEEN, object: UInt64 = 0
    ) -> [UInt8] {
        var body = sensor_file()
        body.flags = UInt32(flags)
        body.access = access
        var record = RecordBytes(kind, body, time: 15, flags: record)
        if let base { record = record.adding(SENSOR_SECTION_BASE, leafFirst(base)) }
        record = record.adding(SENSOR_SECTION_ARGUMENT, Array(argument.utf8))
        if let newBase { record = record.adding(SENSOR_SECTION_NEW_BASE, leafFirst(newBase)) }
        if let newArgument { record = record.adding(SENSOR_SECTION_NEW_ARGUMENT, Array(newArgument.utf8)) }
        return record.changing { ($0.key.error, $0.key.object) = (error, object) }
    }

    static func network(
        _ kind: sensor_kind, peer: (UInt8, UInt8, UInt8, UInt8), port: UInt16, object: UInt64 = 2, sent: UInt64 = 0,
        received: UInt64 = 0, duration: UInt64 = 0, flags: Int32 = SENSOR_FIRST_SEEN, time: UInt64 = 16,
        cgroup: UInt64 = 42, error: UInt16 = 0
    ) -> [UInt8] {
        var body = sensor_network()
        (body.family, body.protocol, body.type, body.direction) = (2, 6, 1, 1)
        (body.peer.0, body.peer.1, body.peer.2, body.peer.3) = peer
        body.peer_port = port
        (body.local.0, body.local.3) = (10, 1)
        body.local_port = 50000
        (body.sent, body.received, body.duration) = (sent, received, duration)
        return RecordBytes(kind, body, hook: SENSOR_HOOK_SOCKET_STATE, time: time, flags: flags).changing {
            $0.key.object = object
            $0.key.cgroup = cgroup
            $0.key.error = error
        }
    }

    /// - Parameter name: the address; an abstract one begins with NUL.
    static func unix(
        _ kind: sensor_kind, path: String? = nil, base: String? = nil, name: String? = nil, error: UInt16 = 0
    ) -> [UInt8] {
        var body = sensor_network()
        (body.family, body.type) = (1, 1)
        var record = RecordBytes(kind, body, time: 16)
        if let base { record = record.adding(SENSOR_SECTION_BASE, leafFirst(base)) }
        if let path { record = record.adding(SENSOR_SECTION_PATH, leafFirst(path)) }
        if let name { record = record.adding(SENSOR_SECTION_ARGUMENT, Array(name.utf8)) }
        return record.changing { $0.key.error = error }
    }

    static func dns(_ message: [UInt8], cgroup: UInt64 = 42, time: UInt64 = 16) -> [UInt8] {
        RecordBytes(SENSOR_DNS_ANSWER, sensor_network(), hook: SENSOR_HOOK_SKB_INGRESS, time: time)
            .adding(SENSOR_SECTION_PAYLOAD, message).changing { $0.key.cgroup = cgroup }
    }

    static func syscall(_ number: UInt32, strings: [String] = [], time: UInt64 = 14) -> [UInt8] {
        var body = sensor_syscall()
        body.number = number
        let tags = [SENSOR_SECTION_ARGUMENT, SENSOR_SECTION_NEW_ARGUMENT, SENSOR_SECTION_THIRD_ARGUMENT]
        return zip(tags, strings).reduce(RecordBytes(SENSOR_SYSCALL_NOTABLE, body, time: time)) {
            $0.adding($1.0, Array($1.1.utf8))
        }.bytes
    }

    /// - Parameters:
    ///   - thread: its number, and when it started.
    ///   - creator: of a clone, who called it: process, thread, and when that started.
    static func identity(
        number: UInt32, credentials: sensor_credentials, network: UInt32 = 0, uts: UInt32 = 0, pid: UInt32 = 100,
        thread: (UInt32, UInt64) = (100, 7), creator: (UInt32, UInt32, UInt64)? = nil,
        flags: Int32 = SENSOR_FIRST_SEEN, error: UInt16 = 0, time: UInt64 = 17
    ) -> [UInt8] {
        var body = sensor_identity()
        body.number = number
        body.credentials = credentials
        (body.namespaces.network, body.namespaces.uts) = (network, uts)
        body.thread_start = thread.1
        if let creator { (body.creator_tgid, body.creator_tid, body.creator_start) = creator }
        return RecordBytes(SENSOR_IDENTITY_CHANGE, body, time: time, flags: flags).changing {
            ($0.tgid, $0.tid) = (pid, thread.0)
            $0.key.error = error
        }
    }

    static func cgroup(_ kind: sensor_kind, id: UInt64, path: String) -> [UInt8] {
        var body = sensor_cgroup()
        body.id = id
        return RecordBytes(kind, body).adding(SENSOR_SECTION_ARGUMENT, Array(path.utf8)).bytes
    }
}

extension RecordBytes {
    fileprivate func changing(by pid: UInt32, _ start: UInt64) -> [UInt8] {
        changing { ($0.tgid, $0.tid, $0.start) = (pid, pid, start) }
    }
}

/// The key of a record, as counts name it.
func key(of record: [UInt8]) -> sensor_key {
    record.withUnsafeBytes { $0.loadUnaligned(as: sensor_header.self).key }
}

extension Event {
    var fileDetail: FileDetail? { if case .file(let file) = detail { file } else { nil } }
    var networkDetail: NetworkDetail? { if case .network(let network) = detail { network } else { nil } }
    var identityDetail: IdentityDetail? { if case .identity(let identity) = detail { identity } else { nil } }
    var dnsDetail: DNSDetail? { if case .dns(let dns) = detail { dns } else { nil } }
}
