// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

@Suite struct ToolCallListenerTests {
    private let directory: TestDirectory
    private var socketPath: String { ToolCallListener.path(in: directory.path) }

    init() throws { directory = try TestDirectory() }

    private func mode(_ path: String) throws -> mode_t {
        var status = stat()
        guard lstat(path, &status) == 0 else { throw SystemError("stat \(path)") }
        return status.st_mode
    }

    private func connect() -> SocketEnd? {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let end = SocketEnd(descriptor)
        return UnixAddress.with(socketPath, { Glibc.connect(descriptor, $0, $1) }) == 0 ? end : nil
    }

    @Test func `anybody may connect, and nobody else may write to the directory`() throws {
        let before = umask(0o077)
        defer { umask(before) }
        mkdir(directory.path + "/agent", 0o777)
        chmod(directory.path + "/agent", 0o777)
        let listener = try ToolCallListener(runDirectory: directory.path)
        #expect(try mode(directory.path + "/agent") & 0o7777 == 0o755)
        #expect(try mode(socketPath) == S_IFSOCK | 0o666)
        withExtendedLifetime(listener) {}
    }

    @Test(.enabled(if: geteuid() == 0, "to give a socket to another group takes root"))
    func `who may connect is for the operator to say`() throws {
        let access = try SocketAccess(mode: 0o660, group: "1234")
        let listener = try ToolCallListener(runDirectory: directory.path, access: access)
        #expect(try mode(socketPath) == S_IFSOCK | 0o660)
        var status = stat()
        #expect(lstat(socketPath, &status) == 0 && status.st_gid == 1234 && status.st_uid == geteuid())
        withExtendedLifetime(listener) {}
    }

    @Test func `a group is known by its number or by its name`() throws {
        let groups = "root:x:0:\nagents:x:1007:a,b\nbroken\nshort:x\n"
        #expect(SocketAccess.number(of: "agents", in: groups) == 1007)
        #expect(SocketAccess.number(of: "broken", in: groups) == nil)
        #expect(SocketAccess.number(of: "short", in: groups) == nil)
        #expect(try SocketAccess(mode: 0o600, group: "77").group == 77)
        #expect(try SocketAccess(mode: 0o600, group: "root").group == 0)
        #expect(throws: SystemError.self) { try SocketAccess(mode: 0o600, group: "no-such-group") }
    }

    @Test func `a socket that a dead daemon left is replaced`() throws {
        mkdir(directory.path + "/agent", 0o755)
        let left = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        #expect(UnixAddress.with(socketPath, { bind(left, $0, $1) }) == 0)
        close(left)
        #expect(connect() == nil)
        let listener = try ToolCallListener(runDirectory: directory.path)
        #expect(connect() != nil)
        withExtendedLifetime(listener) {}
    }

    @Test func `the socket goes with the daemon`() throws {
        do { _ = try ToolCallListener(runDirectory: directory.path) }
        #expect(access(socketPath, F_OK) != 0)
    }

    @Test func `a link in the place of the directory is not followed`() throws {
        mkdir(directory.path + "/elsewhere", 0o700)
        symlink("elsewhere", directory.path + "/agent")
        #expect(throws: SystemError.self) { try ToolCallListener(runDirectory: directory.path) }
        #expect(access(directory.path + "/elsewhere/toolcalls.sock", F_OK) != 0)
        #expect(try mode(directory.path + "/elsewhere") & 0o777 == 0o700)
    }

    @Test func `a link in the place of the socket is replaced, and what it leads to is left alone`() throws {
        let target = directory.path + "/target"
        mkdir(directory.path + "/agent", 0o755)
        close(open(target, O_CREAT | O_WRONLY, 0o600))
        symlink(target, socketPath)
        let listener = try ToolCallListener(runDirectory: directory.path)
        #expect(try mode(socketPath) & S_IFMT == S_IFSOCK)
        #expect(try mode(target) == S_IFREG | 0o600)
        withExtendedLifetime(listener) {}
    }

    @Test func `what is no socket and cannot be removed is an error`() throws {
        mkdir(directory.path + "/agent", 0o755)
        mkdir(socketPath, 0o755)
        #expect { try ToolCallListener(runDirectory: directory.path) } throws: { error in
            (error as? SystemError)?.number == EADDRINUSE
        }
    }

    @Test(.enabled(if: geteuid() == 0, "another user's directory takes root to make"))
    func `a directory of somebody else is not trusted`() throws {
        mkdir(directory.path + "/agent", 0o755)
        chown(directory.path + "/agent", 65534, 65534)
        #expect { try ToolCallListener(runDirectory: directory.path) } throws: { error in
            (error as? SystemError)?.number == EPERM
        }
        #expect(access(socketPath, F_OK) != 0)
    }

    @Test func `connections are accepted one by one, and none is no error`() throws {
        let listener = try ToolCallListener(runDirectory: directory.path)
        guard case .none = listener.accept() else {
            Issue.record("somebody has connected")
            return
        }
        let client = try #require(connect())
        guard case .connection(let descriptor) = listener.accept() else {
            Issue.record("nobody has connected")
            return
        }
        #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0)
        #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
        close(descriptor)
        withExtendedLifetime(client) {}
    }
}
