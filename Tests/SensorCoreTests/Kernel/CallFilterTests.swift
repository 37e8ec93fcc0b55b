// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import NIOConcurrencyHelpers
import Testing

@testable import SensorCore

/// What the kernel refuses behind the filter. On threads of their own: a filter ends with its thread.
@Suite(.disabled(if: CallFilter.obstacle() != nil, "no system calls can be filtered here"))
struct CallFilterTests {
    private struct Call: Sendable {
        var number: Int
        var arguments: [Int]

        init(number: UInt32, _ arguments: Int...) {
            self.number = Int(number)
            self.arguments = arguments
        }

        init(_ name: String, _ arguments: Int...) {
            number = (0..<512).first { SyscallNames.name(of: $0) == name }.map { Int($0) } ?? -1
            self.arguments = arguments
        }
    }

    /// The C library's, which takes any number of arguments and is therefore not shown to Swift.
    private typealias Function = @convention(c) (Int, Int, Int, Int, Int, Int, Int) -> Int

    /// Makes the calls on a thread with the filter, and nothing where there is none: what each comes to, 0 or errno.
    private static func behindFilter(_ calls: [Call]) throws -> [Int32] {
        let results = NIOLockedValueBox<Result<[Int32], SystemError>>(.success([]))
        let function = unsafeBitCast(try #require(dlsym(nil, "syscall")), to: Function.self)
        let thread = try Worker(name: "filtered") {
            do throws(SystemError) { try CallFilter.refuseForThread() } catch {
                return results.withLockedValue { $0 = .failure(error) }
            }
            let numbers = calls.map { call in
                let a = call.arguments + Array(repeating: 0, count: 6 - call.arguments.count)
                return function(call.number, a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? errno : 0
            }
            results.withLockedValue { $0 = .success(numbers) }
        }
        try #require(thread.join(milliseconds: 60_000))
        return try results.withLockedValue { $0 }.get()
    }

    @Test func `every call on the list is refused before the kernel looks at its arguments`() throws {
        let refused = CallFilter.refused
        for name in ["execve", "ptrace", "mount", "setns", "init_module", "kexec_load", "open_by_handle_at", "reboot"] {
            #expect(refused.contains { SyscallNames.name(of: $0) == name }, "\(name)")
        }
        // No kernel takes these: EFAULT, EBADF or EINVAL, were the call made.
        let calls = refused.map { Call(number: $0, -1, -1, -1, -1, -1, -1) }
        for (number, result) in zip(refused, try Self.behindFilter(calls)) {
            #expect(result == EPERM, "\(SyscallNames.name(of: number))")
        }
    }

    @Test func `no process is made, but threads are`() throws {
        // CLONE_THREAD, SIGHAND, VM; and NEWNET.
        let namespace = 0x1_0000 | 0x800 | 0x100 | 0x4000_0000
        let results = try Self.behindFilter([
            Call("clone", Int(SIGCHLD)), Call("clone", namespace), Call("clone3", -1, 88),
        ])
        #expect(results == [EPERM, EPERM, ENOSYS])

        let isStarted = NIOLockedValueBox(false)
        let thread = try Worker(name: "filtered") {
            try? CallFilter.refuseForThread()
            let other = try? Worker(name: "other") { isStarted.withLockedValue { $0 = true } }
            _ = other?.join(milliseconds: 60_000)
        }
        #expect(thread.join(milliseconds: 60_000))
        #expect(isStarted.withLockedValue { $0 })
    }

    @Test func `nothing new comes into the kernel by bpf, and maps are used`() throws {
        func bpf(_ command: bpf_cmd) -> Call { Call("bpf", Int(command.rawValue), -1, 128) }
        let refused = [BPF_PROG_LOAD, BPF_MAP_CREATE, BPF_PROG_GET_FD_BY_ID, BPF_MAP_GET_FD_BY_ID, BPF_OBJ_PIN]
        #expect(try Self.behindFilter(refused.map(bpf)) == refused.map { _ in EPERM })
        #expect(try Self.behindFilter([bpf(BPF_MAP_LOOKUP_ELEM)]) != [EPERM])
    }

    @Test func `sockets are those of the sensor, and signals go to itself`() throws {
        // A type of -1 is wrong in every family.
        let sockets = try Self.behindFilter(
            [AF_PACKET, AF_VSOCK, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK].map { Call("socket", Int($0), -1) })
        #expect(sockets == [EPERM, EPERM, EINVAL, EINVAL, EINVAL, EINVAL])
        let signals = try Self.behindFilter([
            Call("kill", 1, 0), Call("kill", -1, 0), Call("tgkill", 1, 1, 0), Call("kill", Int(getpid()), 0),
        ])
        #expect(signals == [EPERM, EPERM, EPERM, 0])
    }

    @Test func `calls that are newer than the filter are not there`() throws {
        #expect(try Self.behindFilter([Call("open_tree_attr", -1, -1, -1, -1, -1)]) == [ENOSYS])
        #if arch(x86_64)
            // getpid(2) of the x32 ABI.
            #expect(try Self.behindFilter([Call(number: 0x4000_0000 + 39)]) == [EPERM])
        #endif
    }

    @Test(.tags(.kernel), .needsKernel) func `a session that is attached goes on with all that it does`() throws {
        let outcome = NIOLockedValueBox<Result<Int, any Error>>(.success(0))
        let thread = try Worker(name: "filtered") {
            let result = Result<Int, any Error> {
                let session = try KernelSession()
                try session.attach()
                try Privileges.keep(Privileges.current().kept(isAttached: true))
                try CallFilter.refuseForThread()
                // Twice: the second time the C library has nothing left to try out.
                var processes = 0
                for _ in 0..<2 { try session.readRunningProcesses { _ in processes += 1 } }
                try session.addScope(process: UInt32(getpid()), descendants: true)
                try session.removeScope(process: UInt32(getpid()))
                session.drain { _ in }
                try session.readCounts(records: { _ in }) { _ in }
                _ = try session.readLosses()
                _ = try session.readBlindOperations()
                _ = try session.calls()
                session.lookForCalls()
                _ = session.programCosts()
                session.detach()
                return processes
            }
            outcome.withLockedValue { $0 = result }
        }
        try #require(thread.join(milliseconds: 60_000))
        #expect(try outcome.withLockedValue { $0 }.get() > 2)
    }
}
