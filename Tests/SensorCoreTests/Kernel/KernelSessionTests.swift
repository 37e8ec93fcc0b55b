// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

@Suite(.tags(.kernel), .needsKernel, .serialized) struct KernelSessionTests {
    /// Drains until `isDone`, a minute at most.
    private func drain(_ session: KernelSession, until isDone: () -> Bool, _ handle: (RecordView) -> Void) {
        let deadline = KernelSession.bootTime() + 60_000_000_000
        while !isDone(), KernelSession.bootTime() < deadline {
            _ = session.wait(until: deadline)
            session.drain(handle)
        }
    }

    @Test func `a process that comes and goes is seen from fork to exit, in that order`() throws {
        let session = try KernelSession()
        try session.attach()
        // What the sensor itself forks has no fork record: it is the sensor's own doing.
        let shell = try Child.shell("/bin/true; exit 0")
        var child: UInt32 = 0
        var seen: [String] = []
        drain(session, until: { seen.last == "shell exit" }) { record in
            let pid = record.header.tgid
            if let exec = record.exec, exec.parent_tgid == shell { child = pid }
            guard pid == shell || pid == child, record.kind <= SENSOR_PROCESS_EXIT.rawValue else { return }
            let kind = [1: "exec", 2: "fork", 3: "exit"][record.kind] ?? "?"
            seen.append("\(pid == shell ? "shell" : "child") \(kind)")
        }
        #expect(seen == ["shell exec", "child fork", "child exec", "child exit", "shell exit"])
        #expect(try session.readLosses().lost == 0)
    }

    @Test func `programs are waited for in either way`() {
        #expect(sensor_wait_for_programs() == 0)
        #expect(sensor_wait_by_map() == 0)
    }

    @Test func `each record carries the user that its thread acts as`() throws {
        let session = try KernelSession()
        try session.attach()
        let workload = try WorkloadProcess([WorkloadProcess.program, "identity-switched"])
        try workload.openGate()
        var users: [String] = []
        // The second switch is a repeat of the first, and has no record.
        drain(session, until: { users.count == 5 }) { record in
            guard record.header.tgid == workload.pid, record.file != nil, record.header.key.error != 0,
                let section = record.section(SENSOR_SECTION_ARGUMENT)
            else { return }
            let name = section.bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            guard name.hasPrefix("/no-such-") else { return }
            users.append("\(name.dropFirst(9)) \(Int32(bitPattern: record.header.uid)) \(record.header.gid)")
        }
        #expect(users == ["0 0 0", "1 1000 0", "2 0 0", "3 1000 0", "4 0 0"])
    }

    @Test func `every program of the object is attached here, iterators apart`() throws {
        let session = try KernelSession()
        try session.attach()
        for program in session.programs where !program.section.hasPrefix("iter") {
            // A tracepoint that this kernel calls otherwise, or hands other arguments.
            if program.state == .absent,
                session.programs.contains(where: { $0.hook == program.hook && $0.state == .attached })
            {
                continue
            }
            #expect(program.state == .attached, "\(program.name): \(program.log ?? "")")
            #expect(program.hook != 0, "\(program.name)")
        }
    }

    @Test func `the running processes are read from the kernel's list`() throws {
        let session = try KernelSession()
        var pids: Set<UInt32> = []
        try session.readRunningProcesses { record in
            #expect(record.kind == UInt8(SENSOR_PROCESS_SEEN.rawValue))
            pids.insert(record.header.tgid)
        }
        #expect(pids.contains(UInt32(getppid())))
        #expect(!pids.contains(UInt32(getpid())))
        #expect(session.losses.counts.isEmpty)
    }

    @Test func `nothing is left in the kernel when a session ends`() throws {
        var identifiers: [UInt32] = []
        do {
            let session = try KernelSession()
            try session.attach()
            identifiers = session.programs.compactMap { session.object.information(of: $0)?.id }
            session.detach()
        }
        #expect(!identifiers.isEmpty)
        let deadline = KernelSession.bootTime() + 60_000_000_000
        var left = identifiers
        while !left.isEmpty, KernelSession.bootTime() < deadline {
            left = left.filter { identifier in
                let descriptor = bpf_prog_get_fd_by_id(identifier)
                if descriptor >= 0 { close(descriptor) }
                return descriptor >= 0
            }
            sched_yield()
        }
        #expect(left == [])
    }

    @Test func `the waker ends a wait from another thread`() throws {
        let session = try KernelSession()
        // A thread of its own: a task might have to wait for this very test.
        var thread = pthread_t()
        let error = pthread_create(
            &thread, nil,
            { waker in
                if let waker { Unmanaged<Waker>.fromOpaque(waker).takeRetainedValue().wake() }
                return nil
            }, Unmanaged.passRetained(session.waker).toOpaque())
        try #require(error == 0)
        #expect(session.wait(until: KernelSession.bootTime() + 60_000_000_000) == .interrupted)
        pthread_join(thread, nil)
    }

    @Test func `a wait without records ends at its deadline`() throws {
        let session = try KernelSession()
        let deadline = KernelSession.bootTime() + 20_000_000
        #expect(session.wait(until: deadline) == .deadline)
        #expect(KernelSession.bootTime() >= deadline)
    }
}
