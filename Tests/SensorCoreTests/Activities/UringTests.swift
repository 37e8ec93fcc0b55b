// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// What goes through io_uring, unseen by every system call.
@Suite(.tags(.kernel), .needsKernel) struct UringTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    /// Whether this kernel's requests say where the caller's path is: 7.2's do not.
    private static let knowPaths: Bool = {
        guard let types = btf__load_vmlinux_btf() else { return false }
        defer { btf__free(types) }
        let identifier = btf__find_by_name_kind(types, "filename", UInt32(BTF_KIND_STRUCT))
        guard identifier > 0, let type = btf__type_by_id(types, UInt32(identifier)), let members = btf_members(type)
        else { return false }
        return (0..<Int(btf_vlen(type))).contains { index in
            btf__name_by_offset(types, members[index].name_off).map { String(cString: $0) } == "uptr"
        }
    }()

    /// The one open that failed.
    private func failure(in seen: Observation) throws -> Event {
        let missing = ByteString(Self.knowPaths ? try seen.said("missing") : "")
        return try seen.only(
            seen.events(.fileOpen).filter {
                $0.via == .uringComplete && $0.errorNumber != 0 && $0.file?.path == missing
            })
    }

    @Test(arguments: ["0", "16"])
    func `an open is told like any other, by the ring's own thread or by a worker`(_ flags: String) throws {
        let seen = try Observation.of("uring-open", directory.path, flags)
        let inode = try seen.said("inode", as: UInt64.self)
        let event = try seen.only(seen.events(.fileOpen).filter { $0.file?.inode == inode })
        #expect(try event.file?.path.text == seen.said("path"))
        #expect(event.file?.access == [.read])
        #expect(event.via == .uringComplete)
        #expect(event.process?.pid == seen.pid)
        #expect(try failure(in: seen).errorNumber == Int32(seen.said("error")))
    }

    @Test func `a connect is told like any other`() throws {
        let seen = try Observation.of("uring-connect")
        let event = try seen.only(seen.events(.networkConnect))
        #expect(try event.network?.peer?.port == UInt16(seen.said("server-port", as: UInt64.self)))
        #expect(event.process?.pid == seen.pid)
        #expect(event.errorNumber == 0)
    }

    @Test func `an open into the ring's own table of files is told by the caller's string`() throws {
        let cgroup = try TestCgroup()
        let sensor = try TestSensor.shared.get()
        let seen = try Observation.of("uring-direct", directory.path, cgroup: cgroup)
        let blind = sensor.collector.summary().uringOperations.filter { $0.key.cgroup == cgroup.identifier }
        guard try seen.said("direct") == "1" else { return }
        guard Self.knowPaths else {
            #expect(blind.map(\.value) == [1])
            return
        }
        let path = ByteString(try seen.said("opened"))
        let event = try seen.only(seen.events(.fileOpen).filter { $0.file?.path == path })
        #expect(event.via == .uringComplete)
        #expect(event.errorNumber == 0)
        #expect(event.file?.pathSource != .dentry)
        #expect(blind.isEmpty)
    }

    @Test func `an open that is asked to complete in silence is counted as blind, and told if it fails`() throws {
        let cgroup = try TestCgroup()
        let sensor = try TestSensor.shared.get()
        let seen = try Observation.of("uring-silent", directory.path, cgroup: cgroup)
        guard try seen.said("silent") == "1" else { return }
        let blind = sensor.collector.summary().uringOperations.filter {
            $0.key.cgroup == cgroup.identifier && $0.key.opcode == 18  // IORING_OP_OPENAT
        }
        #expect(blind.map(\.value) == [2])
        #expect(try failure(in: seen).errorNumber == Int32(seen.said("error")))
    }

    @Test func `an operation that nobody decodes is counted as blind, to the one`() throws {
        let cgroup = try TestCgroup()
        let sensor = try TestSensor.shared.get()
        let seen = try Observation.of("uring-blind", directory.path, "7", cgroup: cgroup)
        let opcode = try UInt32(seen.said("opcode", as: UInt64.self))
        let blind = sensor.collector.summary().uringOperations.filter { $0.key.cgroup == cgroup.identifier }
        #expect(blind.map(\.key.opcode) == [opcode])
        #expect(blind.map(\.value) == [7])
        #expect(seen.files(under: directory.path, .fileDelete).isEmpty)
    }
}
