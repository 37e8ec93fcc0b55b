// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore
import SensorTestSupport
import Testing

@testable import sensord

/// `sensord --tail` against a daemon that the test plays.
@Suite final class AttachedTailTests {
    private let directory: TestDirectory
    private var folder: String { directory.path }

    init() throws { directory = try TestDirectory() }

    /// A tail that has asked the daemon for events, and the daemon's end of its connection.
    private func attach(
        _ arguments: [String] = ["--tail", "--json"], wrapper: [String] = []
    ) throws -> (tail: RunningSensord, peer: Int32) {
        let listener = try ControlListener(runDirectory: folder)
        let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
        let tail = try RunningSensord(
            arguments[..<end] + ["--run-dir", folder] + arguments[end...], wrapper: wrapper)
        var accepted: Int32?
        try tail.eventually {
            accepted = listener.accept()
            return accepted != nil
        }
        let peer = try #require(accepted)

        var reader = ControlFrameReader(limit: TailRequest.maximumBytes)
        var request: ControlFrame?
        try tail.eventually {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = recv(peer, &buffer, buffer.count, 0)
            if count > 0 { reader.append(buffer.prefix(count)) }
            request = try? reader.next()
            return request != nil
        }
        #expect(request?.kind == .request)
        return (tail, peer)
    }

    private func say(_ frames: [ControlFrame], to peer: Int32) {
        let bytes = frames.flatMap(\.bytes)
        #expect(send(peer, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    }

    private static let accepted = ControlFrame(.accepted, Array("{\"version\":1}".utf8))

    private static func summary(_ text: String) -> ControlFrame { ControlFrame(.summary, Array(text.utf8)) }

    @Test func `what comes in one piece with the daemon's word, before it and behind it, is shown`() throws {
        let (tail, peer) = try attach()
        defer { close(peer) }
        say(
            [
                ControlFrame(.events, Array("{\"early\":1}\n".utf8)), Self.accepted,
                ControlFrame(.events, Array("{\"late\":2}\n".utf8)),
                Self.summary("{\"shown\":2,\"lost\":{\"subscriber\":3}}"),
            ], to: peer)
        // The connection stays open, so that no end of it makes the tail look again.
        let outcome = try tail.wait()
        #expect(outcome.status == 0)
        #expect(outcome.output == "{\"early\":1}\n{\"late\":2}\n")
        #expect(outcome.summary.hasPrefix("sensord: shown 2, lost 3 (subscriber 3)"), "\(outcome.errors)")
    }

    // MARK: Another pid namespace

    private static let unshare = ["unshare", "-p", "-f", "--mount-proc", "--"]

    private static let refused: [([String], Int32)] = [
        (["run", "--listen", "none"], 77), (["--tail"], 77), (["--tail", "--pid", "1"], 77),
        (["--tail", "--", "true"], 125),
    ]

    @Test(.enabled(if: RunningSensord.canCollect), arguments: refused)
    func `in another pid namespace than the host's it says so and what to do`(
        _ arguments: [String], _ status: Int32
    ) throws {
        let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
        let outcome = try RunningSensord(
            arguments[..<end] + ["--run-dir", folder, "--state-dir", folder] + arguments[end...],
            wrapper: Self.unshare
        ).wait()
        #expect(outcome.status == status, "\(outcome.errors)")
        #expect(outcome.errors.contains("hostPID: true"), "\(outcome.errors)")
        #expect(outcome.errors.contains("--pid=host"), "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
    }

    @Test(.enabled(if: RunningSensord.canCollect))
    func `check names a pid namespace that is not the host's as missing`() throws {
        let outcome = try RunningSensord(["check"], wrapper: Self.unshare).wait()
        #expect(outcome.status == 1)
        let lines = outcome.lines.filter { $0.contains(" missing ") }
        #expect(lines.map { $0.prefix(13) } == ["pid namespace"])
        #expect(lines.first?.contains("hostPID: true") == true)
    }

    @Test(.enabled(if: RunningSensord.canCollect), arguments: [["--pid", "1"], ["--", "true"]])
    func `a tail that names processes by another pid namespace is refused though a daemon runs`(
        _ arguments: [String]
    ) throws {
        let listener = try ControlListener(runDirectory: folder)
        let end = arguments.firstIndex(of: "--") ?? arguments.endIndex
        let outcome = try RunningSensord(
            ["--tail"] + arguments[..<end] + ["--run-dir", folder] + arguments[end...], wrapper: Self.unshare
        ).wait()
        #expect(outcome.status == (arguments[0] == "--" ? 125 : 77))
        #expect(outcome.errors.contains("hostPID: true"), "\(outcome.errors)")
        #expect(listener.accept() == nil)
    }

    @Test(.enabled(if: RunningSensord.canCollect))
    func `a tail of a daemon's that names no process is served in another pid namespace, too`() throws {
        let (tail, peer) = try attach(wrapper: Self.unshare)
        defer { close(peer) }
        say([Self.accepted, Self.summary("{\"shown\":0,\"lost\":{}}")], to: peer)
        #expect(try tail.wait().status == 0)
    }

    @Test func `a daemon's last word counts though it has gone`() throws {
        let (tail, peer) = try attach()
        say(
            [Self.accepted, ControlFrame(.events, Array("{}\n".utf8)), Self.summary("{\"shown\":1,\"lost\":{}}")],
            to: peer)
        close(peer)
        let outcome = try tail.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output == "{}\n")
    }

    @Test func `who attaches needs no way to the API server, who collects does`() throws {
        let (tail, peer) = try attach(["--tail", "--kubeconfig", "/nonexistent/config"])
        defer { close(peer) }
        say([Self.accepted, Self.summary("{\"shown\":0,\"lost\":{}}")], to: peer)
        #expect(try tail.wait().status == 0)
        let lonely = ["--tail", "--run-dir", folder, "--kubeconfig", "/nonexistent/config"]
        for arguments in [lonely, lonely + ["--", "true"]] {
            let outcome = try RunningSensord(arguments).wait()
            #expect(outcome.status == 78)
            #expect(outcome.errors.hasPrefix("sensord: /nonexistent/config: "), "\(outcome.errors)")
        }
    }

    @Test func `a hang-up that it was started to ignore does not end it`() throws {
        let (tail, peer) = try attach(wrapper: ["env", "--ignore-signal=HUP"])
        defer { close(peer) }
        kill(tail.pid, SIGHUP)
        say([Self.accepted, Self.summary("{\"shown\":0,\"lost\":{}}")], to: peer)
        #expect(try tail.wait().status == 0)
    }

    @Test(arguments: [false, true]) func `a daemon that stands still keeps nobody from ending the tail`(
        isAccepted: Bool
    ) throws {
        let (tail, peer) = try attach()
        defer { close(peer) }
        if isAccepted {
            say([Self.accepted, ControlFrame(.events, Array("{}\n".utf8))], to: peer)
            kill(tail.pid, SIGINT)
            // It asks for the rest, and waits no longer than a second.
            try tail.eventually {
                var byte: UInt8 = 0
                return recv(peer, &byte, 1, 0) == 1
            }
        } else {
            kill(tail.pid, SIGINT)
        }
        let outcome = try tail.wait()
        #expect(outcome.status == 130)
        if isAccepted {
            #expect(outcome.summary.hasPrefix("sensord: shown 1, lost unknown"), "\(outcome.errors)")
        } else {
            #expect(outcome.errors.contains("the daemon has not answered"), "\(outcome.errors)")
        }
    }

    @Test func `a command is waited for though children were ignored, and still ignores its own`() throws {
        let (tail, peer) = try attach(
            ["--tail", "--", "grep", "SigIgn", "/proc/self/status"],
            wrapper: ["env", "--ignore-signal=CHLD"])
        defer { close(peer) }
        say([Self.accepted], to: peer)
        // The command's end makes it ask for the rest.
        try tail.eventually {
            var byte: UInt8 = 0
            return recv(peer, &byte, 1, 0) == 1
        }
        say([Self.summary("{\"shown\":0,\"lost\":{}}")], to: peer)
        let outcome = try tail.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let ignored = UInt64(outcome.output.split(whereSeparator: \.isWhitespace).last ?? "", radix: 16) ?? 0
        #expect(ignored >> UInt64(SIGCHLD - 1) & 1 == 1)
    }

    /// A tail with the daemon's end of its connection in the test's hands.
    private func watch(_ daemon: (Int32) -> Void) throws -> (watch: AttachedWatch, writer: LineWriter, peer: Int32) {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        let tail = try TailConfiguration(
            settings: Settings(), filters: FilterOptions.parse([]),
            output: OutputOptions.parse(["--json", "--output", "/dev/null"]))
        let writer = try LineWriter(tail.destination) { _ in }
        say([Self.accepted], to: ends[1])
        daemon(ends[1])
        let watch = try AttachedWatch(
            tail, client: ControlClient(descriptor: ends[0]), root: nil, writer: writer,
            signals: SignalSource([]))
        return (watch, writer, ends[1])
    }

    @Test(.timeLimit(.minutes(2))) func `a daemon that always has more does not keep a tail from all else`() throws {
        var flood: Worker?
        let (watch, writer, peer) = try watch { peer in
            flood = try? Worker(name: "flood") {
                let bytes = ControlFrame(.events, Array(repeating: UInt8(ascii: "\n"), count: 1 << 16)).bytes
                while send(peer, bytes, bytes.count, Int32(MSG_NOSIGNAL)) > 0 {}
            }
        }
        for _ in 0..<8 { try watch.service() }
        #expect(!watch.isComplete)
        shutdown(peer, Int32(SHUT_RDWR))
        #expect(flood?.join(milliseconds: 60_000) == true)
        close(peer)
        _ = writer.finish()
    }

    @Test func `after the daemon's last word there is nothing to wait for`() throws {
        let (watch, writer, peer) = try watch { peer in
            say([Self.summary("{\"shown\":0,\"lost\":{}}")], to: peer)
            shutdown(peer, Int32(SHUT_WR))
        }
        try watch.service()
        #expect(watch.isComplete)
        #expect(watch.descriptor == -1)
        close(peer)
        _ = writer.finish()
    }
}
