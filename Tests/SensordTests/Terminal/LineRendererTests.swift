// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import Testing

@testable import sensord

@Suite struct LineRendererTests {
    private static let unit = WorkloadDescription(kind: "SystemdUnit", name: "nginx.service")
    private static let curl = ProcessDescription(
        id: "b-4242-1", pid: 4242, parentID: "b-4241-1", executable: "/usr/bin/curl",
        arguments: ["curl", "-s", "http://10.0.0.7/a b"])

    private func event(
        _ kind: EventKind, _ detail: EventDetail = .none, count: UInt64 = 1, error: Int32 = 0,
        process: ProcessDescription? = curl, workload: WorkloadDescription = unit
    ) -> Event {
        Event(
            sequence: 1, time: 12_345_000_000, bootTime: 0, kind: kind, count: count, process: process,
            workload: workload, detail: detail, errorNumber: error, via: .sysExit)
    }

    private func line(_ event: Event, columns: Int = 120, colour: Bool = false) -> String {
        var renderer = LineRenderer(palette: Palette(isOn: colour))
        var bytes: [UInt8] = []
        renderer.append(TailLine(event), columns: columns, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Without the time of day, which depends on where the test runs.
    private func rest(_ event: Event, columns: Int = 120) -> String {
        String(line(event, columns: columns).dropFirst(columns >= 100 ? 14 : 9).dropLast())
    }

    private func open(_ path: ByteString, _ access: FileAccess = .read) -> EventDetail {
        .file(FileDetail(path: path, access: access))
    }

    @Test func `an open shows who, what and how`() {
        #expect(
            rest(event(.fileOpen, open("/etc/hosts")))
                == "nginx.service    curl[4242]            open      /etc/hosts                                      r")
        #expect(
            rest(event(.fileOpen, open("/app/data.db", [.read, .write]), count: 12))
                == "nginx.service    curl[4242]            open      /app/data.db                                    rw ×12"
        )
    }

    @Test func `a failure shows the error`() {
        let peer = Endpoint(address: IPAddress("10.0.0.7"), port: 443, names: ["api.example.test"])
        let detail = NetworkDetail(direction: .egress, transport: .tcp, peer: peer)
        #expect(
            rest(event(.networkConnect, .network(detail), error: ECONNREFUSED))
                == "nginx.service    curl[4242]            connect   10.0.0.7:443 (api.example.test)              ECONNREFUSED"
        )
    }

    @Test func `a close shows the bytes`() {
        let peer = Endpoint(address: IPAddress("::1"), port: 443)
        let detail = NetworkDetail(
            direction: .egress, transport: .tcp, peer: peer, bytesSent: 78, bytesReceived: 300_000, duration: 1)
        #expect(
            rest(event(.networkClose, .network(detail)))
                == "nginx.service    curl[4242]            close     [::1]:443                                     ↑78B ↓300kB"
        )
    }

    @Test func `a notable call shows what it was about`() {
        func call(_ name: String, _ strings: [(String, ByteString)], path: ByteString? = nil) -> EventDetail {
            .syscall(
                SyscallDetail(name: name, number: 1, strings: strings.map { .init($0.0, $0.1) }, path: path))
        }
        let mount = call("mount", [("source", "none"), ("target", "/nonexistent"), ("type", "tmpfs")])
        #expect(
            rest(event(.syscallNotable, mount, error: ENOENT))
                == "nginx.service    curl[4242]            notable   mount  none → /nonexistent tmpfs                ENOENT"
        )
        let bind = call("mount", [("source", "/a"), ("target", "/b"), ("type", "")])
        #expect(rest(event(.syscallNotable, bind)).hasSuffix("notable   mount  /a → /b"))
        let module = call("finit_module", [("parameters", "")], path: "/lib/a.ko")
        #expect(rest(event(.syscallNotable, module)).hasSuffix("notable   finit_module  /lib/a.ko"))
        #expect(rest(event(.syscallNotable, call("chroot", [("path", "/new")]))).hasSuffix("notable   chroot  /new"))
        #expect(rest(event(.syscallNotable, call("ptrace", []))).hasSuffix("notable   ptrace"))
        let explained = Explanation(CallChain(event(.syscallNotable, mount)), identifier: "x-1").text
        #expect(explained.contains("  target    /nonexistent  [the caller's word]\n"))
    }

    @Test func `exec shows the command, exit the outcome`() {
        #expect(
            rest(event(.processExec))
                == "nginx.service    curl[4242]            exec      /usr/bin/curl: curl -s 'http://10.0.0.7/a b'")
        #expect(rest(event(.processExit, .exit(ExitDetail(code: 0)))).hasSuffix(" status 0"))
        #expect(rest(event(.processExit, .exit(ExitDetail(code: 0, signal: SIGSEGV)))).hasSuffix(" SIGSEGV"))
        #expect(rest(event(.processFork)).hasSuffix("fork      by 4241"))
    }

    @Test func `a container goes by its name, else by a short id`() {
        let id = "0123456789abcdef0123456789abcdef"
        let named = WorkloadDescription(kind: "Container", container: .init(id: id, name: "web"))
        let unnamed = WorkloadDescription(kind: "Container", name: id, container: .init(id: id))
        #expect(rest(event(.processFork, workload: named)).hasPrefix("web  "))
        #expect(rest(event(.processFork, workload: unnamed)).hasPrefix("0123456789ab  "))
        #expect(rest(event(.processFork, workload: WorkloadDescription(kind: "Host"))).hasPrefix("host  "))
    }

    @Test(arguments: [20, 40, 60, 80, 100, 120, 200])
    func `a line fits its terminal`(_ columns: Int) {
        let path = ByteString("/a/" + String(repeating: "very/", count: 60) + "日本語.txt")
        for error in [0, EACCES] {
            let event = event(.fileOpen, open(path), count: 1_000_000, error: error)
            let text = TerminalText(String(line(event, columns: columns).dropLast()))
            #expect(text.columns <= max(columns, 40))
        }
    }

    @Test func `names cannot command the terminal`() {
        let hostile = ByteString("/tmp/\u{1b}]0;owned\u{07}\n\u{9b}2J\u{202e}")
        let process = ProcessDescription(id: "b-1-1", pid: 1, executable: hostile, arguments: ["\u{1b}[2J\r\n"])
        let workload = WorkloadDescription(
            kind: "Container", name: "\u{1b}c", container: .init(id: "1", name: "\u{1b}c"))
        for kind in [EventKind.fileOpen, .processExec, .processExit] {
            let detail = kind == .fileOpen ? open(hostile) : .none
            let text = line(event(kind, detail, process: process, workload: workload))
            let controls = text.unicodeScalars.filter { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) }
            #expect(controls.map(\.value) == [10])
            #expect(!text.unicodeScalars.contains("\u{202e}"))
        }
    }

    @Test func `colours begin and end within the line`() {
        let text = line(event(.fileOpen, open("/x"), error: EACCES), colour: true)
        #expect(text.contains("\u{1b}[34mopen\u{1b}[0m"))
        #expect(text.hasSuffix("\u{1b}[1;31mEACCES\u{1b}[0m\n"))
    }

    @Test(arguments: [
        (0, "0B"), (999, "999B"), (1000, "1.0kB"), (9949, "9.9kB"), (9950, "10kB"), (99_500, "100kB"),
        (999_500, "1.0MB"), (UInt64.max, "18EB"),
    ])
    func `sizes are short`(_ bytes: UInt64, _ expected: String) {
        #expect(TailLine.size(bytes) == expected)
    }
}
