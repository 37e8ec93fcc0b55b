// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// What goes through io_uring, unseen by every system call.
@Suite(.tags(.kernel), .needsKernel) struct UringTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    @Test(arguments: ["0", "16"])
    func `an open is told like any other, by the ring's own thread or by a worker`(_ flags: String) throws {
        let seen = try Observation.of("uring-open", directory.path, flags)
        let inode = try seen.said("inode", as: UInt64.self)
        let event = try seen.only(seen.events(.fileOpen).filter { $0.file?.inode == inode })
        #expect(try event.file?.path.text == seen.said("path"))
        #expect(event.file?.access == [.read])
        #expect(event.via == .uringComplete)
        #expect(event.process?.pid == seen.pid)
        let missing = ByteString(try seen.said("missing"))
        let failed = try seen.only(seen.events(.fileOpen).filter { $0.file?.path == missing })
        #expect(try failed.errorNumber == Int32(seen.said("error")))
        #expect(failed.via == .uringComplete)
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
        let missing = ByteString(try seen.said("missing"))
        let failed = try seen.only(seen.events(.fileOpen).filter { $0.file?.path == missing })
        #expect(try failed.errorNumber == Int32(seen.said("error")))
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
