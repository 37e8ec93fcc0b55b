// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// Clients that do their worst, and the calls of another workload meanwhile.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"),
    .enabled(if: AgentFixture.hasPython, "not installed: /usr/bin/python3"))
final class HostileClientTests {
    private let fixture: AgentFixture

    init() throws { fixture = try AgentFixture() }

    /// What it does, and what of that is refused and counted.
    private static let hostilities: [(how: String, refused: String?)] = [
        ("connections", "connections"), ("readers", nil), ("giants", "bytes"), ("nonsense", nil), ("begins", "calls"),
        ("sessions", "sessions"), ("vanishing", nil), ("sets", nil), ("grants", nil), ("trees", nil),
        ("catalogs", "bytes"), ("spans", nil),
    ]

    /// Seconds that an answer to anybody else takes at most: what the client waits for by default. Without optimisation, and
    /// even more so with a sanitizer, the daemon is slower, and so are those who ask.
    private static let longest = RunningSensord.isOptimised && !isSanitized ? 0.05 : 10
    /// Calls that somebody else makes meanwhile, at least.
    private static let fewest = 200
    /// MiB that the daemon takes more than before, at most. A sanitizer keeps what was freed.
    private static let growth = isSanitized ? 2048 : 64

    private static let isSanitized = dlsym(nil, "__asan_init") != nil || dlsym(nil, "__tsan_init") != nil

    /// Makes calls, of which the first and then some have an effect, until there is a file `stop`; tells how many, and how many
    /// microseconds the median and the slowest answer took.
    private static let victim = """
        import time
        client = sensord.Client(agent="victim", session="victim", timeout=float(sys.argv[1]))
        times = []
        while not os.path.exists(folder + "/stop"):
            begin = time.monotonic()
            with client.call("call-%d" % len(times)) as call:
                times.append(time.monotonic() - begin)
                assert call.is_known, (len(times), times[-1])
                if len(times) <= 200 or len(times) % 50 == 1:
                    touch("effect-%d" % (len(times) - 1))
            if len(times) == 1:
                print("ready", flush=True)
            if len(times) == int(sys.argv[2]):
                print("many", flush=True)
            time.sleep(0.002)
        times.sort()
        print(len(times), int(times[len(times) // 2] * 1000000), int(times[-1] * 1000000))
        """

    /// In MiB: what the daemon takes, or has at most taken.
    private func memory(of daemon: RunningSensord, _ name: String) throws -> Int {
        let status = try sensord(wrapper: ["sh", "-c", "exec cat /proc/\(daemon.pid)/status"])
        let line = try #require(status.lines.first { $0.hasPrefix(name) })
        let words = line.split { $0 == " " || $0 == "\t" }
        return try #require(words.dropFirst().first.flatMap { Int($0) }) / 1024
    }

    @Test(arguments: hostilities)
    func `it costs nobody else anything`(_ hostility: (how: String, refused: String?)) throws {
        let daemon = try fixture.daemon("--listen", "127.0.0.1:0", "--tick", "1")
        let address = try fixture.told("listening for HTTP address=", by: daemon)
        func metric(_ name: String) throws -> Int {
            let text = try sensord(wrapper: ["sh", "-c", "exec curl -s -m 60 http://\(address)/metrics"])
            let line = try #require(text.lines.first { $0.hasPrefix("sensord_toolcall_\(name) ") })
            return Int(line.split(separator: " ").last ?? "") ?? -1
        }
        let (own, other) = (try TestCgroup("own"), try TestCgroup("hostile"))
        func wrapper(_ cgroup: TestCgroup) -> [String] { ["sh", "-c", "\(cgroup.enter) && exec \"$0\" \"$@\""] }
        let victim = try fixture.python(
            Self.victim, wrapper: wrapper(own), arguments: ["\(Self.longest)", "\(Self.fewest)"])
        try victim.eventually { victim.outputSoFar.contains("ready") }
        let memoryBefore = try memory(of: daemon, "VmRSS")
        let hostile = try fixture.start(
            wrapper(other) + [
                "/usr/bin/python3", "-B", AgentFixture.agents + "/hostile.py",
                fixture.folder + "/run/agent/toolcalls.sock", hostility.how,
            ])
        try hostile.eventually { hostile.outputSoFar.contains("enough") }
        if let refused = hostility.refused {
            try eventually { try metric("refused_total{what=\"\(refused)\"}") > 0 }
        }
        try victim.eventually { victim.outputSoFar.contains("many") }
        try fixture.write("", to: fixture.folder + "/stop")
        let outcome = try victim.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let grown = try memory(of: daemon, "VmHWM") - memoryBefore
        #expect(grown <= Self.growth, "MiB")
        kill(hostile.pid, SIGKILL)
        _ = try hostile.wait()
        // Nothing is left of it.
        try eventually { try metric("connections") == 0 && metric("open_calls") == 0 && metric("sessions") == 0 }
        let records = try fixture.records(of: daemon, with: ["victim", "/effect-"])
        let figures = try #require(outcome.lines.last).split(separator: " ").compactMap { Int($0) }
        try #require(figures.count == 3)
        let (count, slowest) = (figures[0], figures[2])
        #expect(count >= Self.fewest)
        #expect(Double(slowest) / 1_000_000 <= Self.longest, "\(figures)")
        var makers: [String: ToolCallReference] = [:]
        for event in records.events where event.kind == .fileCreate {
            guard case .file(let file) = event.detail else { continue }
            makers[file.path.text] = event.toolCall
        }
        for number in 0..<count where number < 200 || number % 50 == 0 {
            let call = makers["\(fixture.folder)/effect-\(number)"]
            #expect(call?.name == "call-\(number)" && call?.method == .exact, "\(number) of \(outcome.output)")
        }
        let ended = records.calls(.toolCallEnd).filter { $0.session == "victim" }
        #expect(ended.count == count && ended.allSatisfy { $0.status == "ok" })
        let told = records.calls.filter { $0.call.session == "victim" }
        #expect(told.count == count && told.allSatisfy { $0.state == .finished && !$0.isIncomplete })
    }

    @Test func `a client that is killed abandons its call, and what it started goes on without`() throws {
        let daemon = try fixture.daemon()
        let client = try fixture.python(
            """
            client = sensord.Client(agent="test")
            with client.call("killed") as call:
                assert call.is_known
                orphan = ': > "$0"/during; n=0; while [ ! -e "$0"/go ] && [ $n -lt 6000 ]; do sleep 0.01; n=$((n+1)); done; : > "$0"/orphan'
                subprocess.Popen(["/bin/sh", "-c", orphan, folder])
                print("ready", flush=True)
                threading.Event().wait()
            """)
        try client.eventually {
            client.outputSoFar.contains("ready") && access(fixture.folder + "/during", F_OK) == 0
        }
        kill(client.pid, SIGKILL)
        _ = try client.wait()
        try daemon.eventually { daemon.outputSoFar.contains(#""kind":"toolcall.end""#) }
        try fixture.write("", to: fixture.folder + "/go")
        try daemon.eventually { daemon.outputSoFar.contains("\(fixture.folder)/orphan") }
        let records = try fixture.records(of: daemon)
        #expect(records.calls(.toolCallEnd).map(\.status) == ["abandoned"])
        #expect(try records.maker(of: "during")?.name == "killed")
        #expect(try records.maker(of: "during")?.method == .exact)
        #expect(try records.maker(of: "orphan") == nil)
    }
}
