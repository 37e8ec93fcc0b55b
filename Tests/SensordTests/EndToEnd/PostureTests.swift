// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

@testable import sensord

/// What a daemon learns of a workload, keeps, tells and shows.
@Suite(.enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
final class PostureTests {
    private let directory: TestDirectory
    private let cgroup: TestCgroup
    private var folder: String { directory.path }

    init() throws {
        directory = try TestDirectory()
        cgroup = try TestCgroup("posture")
        let name = cgroup.path.split(separator: "/").last ?? ""
        let workload = #"{"namespace":"agents","kind":"Deployment","name":"planner"}"#
        let map = #"[{"cgroup":"/\#(name)","workload":\#(workload)}]"#
        let file = open(folder + "/map", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        _ = write(file, map, map.utf8.count)
        close(file)
    }

    private func daemon(_ more: String..., clock: MovedClock? = nil) throws -> RunningSensord {
        let daemon = try RunningSensord(
            [
                "run", "--run-dir", folder + "/run", "--state-dir", folder + "/state", "--records", "-", "--tick",
                "0.1",
                "--listen", "127.0.0.1:0", "--workload-map", folder + "/map",
            ] + more, environment: clock?.environment ?? [])
        try daemon.eventually { daemon.errorsSoFar.contains("collecting") }
        return daemon
    }

    /// Runs a shell script in the workload.
    private func act(_ script: String) throws {
        let outcome = try RunningSensord([], wrapper: ["sh", "-c", "\(cgroup.enter); \(script)", "sh"]).wait()
        try #require(outcome.status == 0, "\(outcome.errors)")
    }

    private func stop(_ daemon: RunningSensord) throws -> String {
        kill(daemon.pid, SIGTERM)
        let outcome = try daemon.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.output
    }

    private func posture(_ arguments: String...) throws -> RunningSensord.Outcome {
        try RunningSensord(["posture", "--state-dir", folder + "/state"] + arguments).wait()
    }

    /// Count of the fact about a path, as it is kept.
    private func count(of path: String) throws -> UInt64 {
        let outcome = try posture("Deployment/planner", "--json")
        let fact = outcome.output.split(separator: #"{"discipline":"#).first { $0.contains(#""path":"\#(path)""#) }
        return fact.flatMap { UInt64(Self.count(in: $0)) } ?? 0
    }

    /// When the fact about a path was so, as it is kept: to the second, in UTC.
    private func seen(_ path: String) throws -> (first: String, last: String) {
        let outcome = try posture("Deployment/planner", "--json")
        let fact = try #require(
            outcome.output.split(separator: #"{"discipline":"#).first { $0.contains(#""path":"\#(path)""#) },
            "\(outcome.errors) \(outcome.output)")
        func time(_ field: String) throws -> String {
            String(try #require(fact.split(separator: #""\#(field)":""#).dropFirst().first).prefix(19))
        }
        return (try time("firstSeen"), try time("lastSeen"))
    }

    /// The same, of this moment.
    private static func now(and seconds: Int = 0) -> String {
        var (moment, parts) = (time(nil) + seconds, tm())
        gmtime_r(&moment, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S", &parts)
        return String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func count(in fact: Substring) -> Substring {
        fact.split(separator: #""count":""#).dropFirst().first?.prefix { $0 != "\"" } ?? ""
    }

    /// That these records are one stream, which is whole.
    private func verify(_ told: String, key: String? = nil) throws {
        let records = folder + "/records"
        let file = open(records, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        _ = told.withCString { write(file, $0, strlen($0)) }
        close(file)
        let verified = try RunningSensord(
            ["verify"] + (key.map { ["--key", $0] } ?? []) + [records]
        ).wait()
        #expect(verified.status == 0, "\(verified.errors)")
        #expect(verified.lines.count { $0.hasPrefix("stream ") } == 1, "\(verified.output)")
    }

    /// Whoever floods a profile with names neither grows it nor hides what he does then.
    @Test func `after a flood of made-up names what is new has its own fact, and all is counted`() throws {
        try act("mkdir '\(folder)/cache' '\(folder)/words'; : > '\(folder)/words/new'")
        let daemon = try daemon("--max-facts", "200")
        try act("for i in $(seq 1000 1299); do : > '\(folder)/cache/'$i.tmp; done; : < '\(folder)/words/new'")
        try daemon.eventually { (try? count(of: folder + "/words/new")) ?? 0 == 1 }
        let json = try posture("Deployment/planner", "--json").output
        let facts = json.split(separator: #"{"discipline":"#).filter {
            $0.contains(#"/cache/"#) && $0.contains(#""kind":"file""#)
        }
        let folded = facts.filter { $0.contains(#""folded":true"#) }
        #expect(
            folded.count == 1 && folded[0].contains("/cache/*.tmp") && folded[0].contains("exemplars"), "\(facts)")
        #expect(facts.reduce(0) { $0 + (UInt64(Self.count(in: $1)) ?? 0) } == 300)
        #expect(!json.contains("facts_full"))
        let page = try posture("planner").output
        #expect(
            page.split(separator: "\n").contains { $0.contains("300×") && $0.contains("/cache/*.tmp") }, "\(page)")
        // Nor with words for names.
        try act(
            "for a in a b c d e f g h i j; do for b in a b c d e f g h i j; do : > '\(folder)/words/'$a$b; done; done; : < /etc/hostname"
        )
        try daemon.eventually { (try? count(of: "/etc/hostname")) ?? 0 == 1 }
        #expect(try !posture("Deployment/planner", "--json").output.contains("facts_full"))
        try verify(stop(daemon))
    }

    @Test func `facts are told, kept over restarts, and shown; the stream goes on and is whole`() throws {
        let (mark, key) = (folder + "/mark", folder + "/.ssh/id_ed25519")
        try act("mkdir '\(folder)/.ssh'; : > '\(key)'; : > '\(mark)'")
        let first = try daemon()
        try act("cat '\(mark)' '\(key)'")
        try first.eventually {
            first.outputSoFar.contains(#""path":"\#(mark)""#) && first.outputSoFar.contains(#""facts":{"#)
        }
        // A running daemon can be asked as well.
        try first.eventually { (try? count(of: mark)) ?? 0 == 1 }
        var told = try stop(first)
        let fact = told.split(separator: "\n").first { $0.hasPrefix(#"{"stream":"#) && $0.contains(mark) }
        #expect(fact?.contains(#""subject":{"namespace":"agents","kind":"Deployment","name":"planner""#) == true)

        let second = try daemon()
        try act("cat '\(mark)'; cat '\(mark)'")
        told += try stop(second)
        #expect(try count(of: mark) == 3)

        let page = try posture("planner", "--namespace", "agents", "--no-color")
        #expect(page.status == 0, "\(page.errors)")
        #expect(page.output.contains("agents Deployment/planner"))
        #expect(page.lines.contains { $0.contains("credential") && $0.contains("id_ed25519") })
        #expect(page.output.contains("learning: below floor"))
        #expect(try posture("nobody").status == 1)

        try verify(told)
    }

    @Test func `what there is no room for is kept, counted and said, and goes on with room`() throws {
        let mark = folder + "/mark"
        try act(": > '\(mark)'")
        let first = try daemon()
        try act("cat '\(mark)'")
        try first.eventually { (try? count(of: mark)) ?? 0 == 1 }
        _ = try stop(first)
        // Others are known, too: whatever else runs here.
        let full = try daemon("--max-subjects", "1")
        let told = try stop(full)
        #expect(full.errorsSoFar.contains("waits until there is room"), "\(full.errorsSoFar)")
        #expect(told.contains(#""waitingSubjects":""#))
        #expect(try count(of: mark) == 1)
        let last = try daemon()
        try act("cat '\(mark)'")
        try last.eventually { (try? count(of: mark)) ?? 0 == 2 }
        _ = try stop(last)
    }

    @Test func `records are signed, and a page and a difference come of what is kept`() throws {
        let (mark, key) = (folder + "/mark", folder + "/key.pem")
        let made = try RunningSensord(
            [],
            wrapper: [
                "sh", "-c",
                "umask 077; openssl genpkey -algorithm ed25519 -out '\(key)' && openssl pkey -in '\(key)' -pubout -out '\(key).pub'",
                "sh",
            ]
        ).wait()
        try #require(made.status == 0, "\(made.errors)")
        try act(": > '\(mark)'")
        var (told, snapshots) = ("", [String]())
        for round in 1...2 {
            let daemon = try daemon("--signing-key-file", key)
            try act(round == 1 ? "cat '\(mark)'" : "cat '\(mark)'; chmod 600 '\(mark)'; cat '\(folder)/none' || true")
            told += try stop(daemon)
            snapshots.append(folder + "/\(round).json")
            let snapshot = try posture("planner", "--json")
            #expect(snapshot.output.contains(#""assessment":{"scope":"node""#))
            #expect(snapshot.output.hasSuffix("}\n"))
            let file = open(snapshots[round - 1], O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
            _ = snapshot.output.withCString { write(file, $0, strlen($0)) }
            close(file)
        }
        try verify(told, key: key + ".pub")
        #expect(
            try RunningSensord(["verify", "--key", key + ".pub", folder + "/records"]).wait().output.contains(
                "signatures are right"))
        for body in ["inventory", "nodeCoverage", "facts"] { #expect(told.contains("\"\(body)\":{"), "\(body)") }

        let page = try posture("planner", "--html", folder + "/page.html")
        #expect(page.status == 0, "\(page.errors)")
        let shown = try RunningSensord([], wrapper: ["sh", "-c", "cat '\(folder)/page.html'", "sh"]).wait().output
        #expect(shown.hasPrefix("<!DOCTYPE html>") && shown.contains("planner") && shown.hasSuffix("</html>\n"))

        let diff = try RunningSensord(["posture", "diff", "--no-color"] + snapshots).wait()
        #expect(diff.status == 0 && diff.output.contains("mark"), "\(diff.output)\(diff.errors)")
        let wrong = try RunningSensord(["posture", "diff", mark, snapshots[0]]).wait()
        #expect(wrong.status == 1 && wrong.errors.contains("there is no subject in it"), "\(wrong.errors)")
        let nokey = try RunningSensord(["run", "--signing-key-file", mark]).wait()
        #expect(nokey.status == 78 && nokey.errors.contains("an Ed25519 private key is expected"), "\(nokey.errors)")
    }

    @Test func `a kill loses no more than what was not told yet, and the stream stays whole`() throws {
        let mark = folder + "/mark"
        try act(": > '\(mark)'")
        var (told, kept) = ("", UInt64(0))
        for round in 1...3 as ClosedRange<UInt64> {
            let daemon = try daemon()
            try act("cat '\(mark)'")
            try daemon.eventually { (try? count(of: mark)) ?? 0 > kept }
            kept = try count(of: mark)
            #expect(kept == round)
            kill(daemon.pid, SIGKILL)
            #expect(try daemon.wait().status == 128 + SIGKILL)
            told += daemon.outputSoFar
            if !told.hasSuffix("\n") { told += "\n" }
        }
        try verify(told)
    }

    @Test func `killed at any moment, it has kept all that it told, and never more than there was`() throws {
        let mark = folder + "/mark"
        try act(": > '\(mark)'")
        let rounds = getenv("SENSORD_THOROUGH_TESTS") == nil ? 4 : 100
        var random = SystemRandomNumberGenerator()
        var (told, done) = ("", UInt64(0))
        for _ in 0..<rounds {
            let daemon = try daemon()
            let times = UInt64.random(in: 1...20, using: &random)
            done += times
            try act("for i in $(seq \(times)); do cat '\(mark)'; done")
            // Wherever it is by then.
            usleep(.random(in: 0..<250_000, using: &random))
            kill(daemon.pid, SIGKILL)
            _ = try daemon.wait()
            told += daemon.outputSoFar
            if !told.hasSuffix("\n") { told += "\n" }
            // What was not settled when it was killed is told again.
            var known: Set<Substring> = []
            let lines = told.split(separator: "\n").filter { $0.hasPrefix(#"{"stream":"#) && known.insert($0).inserted }
            let counts = lines.compactMap { line in
                line.split(separator: #"{"discipline":"#).first { $0.contains(#""path":"\#(mark)""#) }
                    .flatMap { UInt64(Self.count(in: $0)) }
            }
            let kept = try count(of: mark)
            #expect(kept <= done && kept >= counts.max() ?? 0)
            #expect(counts == counts.sorted())
        }
        if told.contains(#"{"stream":"#) { try verify(told) }
    }

    @Test func `clients behind many addresses are one fact, with the bytes of all of them`() throws {
        let daemon = try daemon()
        let script = """
            import socket
            listener = socket.create_server(("127.0.0.1", 0))
            for host in range(2, 42):
                client = socket.create_connection(listener.getsockname(), source_address=("127.0.0.%d" % host, 0))
                server, _ = listener.accept()
                client.sendall(b"x" * 10)
                server.recv(10)
                server.sendall(b"y" * 3)
                client.recv(3)
                client.close()
                server.close()
            """
        try act("exec python3 -c '\(script)'")
        func ingress() throws -> [Substring] {
            let output = try posture("Deployment/planner", "--json").output
            return output.split(separator: #"{"discipline":"#).filter {
                $0.contains(#""kind":"ingress""#) && $0.contains(#""peer":"#)
            }
        }
        try daemon.eventually {
            (try? ingress().first).map { $0.contains(#""bytesReceived":"400""#) && $0.contains(#""bytesSent":"120""#) }
                ?? false
        }
        let facts = try ingress()
        #expect(facts.count == 1 && facts[0].contains(#""peer":"loopback""#), "\(facts)")
        #expect(facts.first.map { Self.count(in: $0) } == "40")
        _ = try stop(daemon)
    }

    @Test func `on a full disk it says so, and what was done meanwhile is kept and told once there is room`() throws {
        let disk = try #require(SmallDisk(folder + "/state", size: "16m"))
        defer { withExtendedLifetime(disk) {} }
        let mark = folder + "/mark"
        try act(": > '\(mark)'")
        let daemon = try daemon()
        let address = try daemon.address()
        func get(_ path: String) throws -> String {
            try RunningSensord([], wrapper: ["curl", "-s", "-m", "60", "http://\(address)\(path)"]).wait().output
        }
        try act("cat '\(mark)'")
        try daemon.eventually { (try? count(of: mark)) ?? 0 == 1 }
        #expect(disk.fill())
        try daemon.eventually {
            // It makes room by itself as long as it can.
            disk.fill()
            return (try? get("/readyz").contains("posture is not kept: ")) ?? false
        }
        try act("for i in 1 2 3; do cat '\(mark)'; done; cat '\(folder)/map'")
        #expect(try get("/healthz") == "ok\n")
        #expect(try count(of: mark) < 4)
        disk.makeRoom()
        try daemon.eventually { (try? count(of: mark)) ?? 0 == 4 }
        try daemon.eventually { (try? get("/readyz").contains("posture is not kept")) == false }
        let told = try stop(daemon)
        let records = told.split(separator: "\n").filter { $0.hasPrefix(#"{"stream":"#) }
        #expect(records.contains { $0.contains(#""facts":{"#) && $0.contains(#""path":"\#(folder)/map""#) })
        #expect(!records.contains { $0.contains(#""gap":{"#) })
        try verify(told)
        let again = try self.daemon()
        #expect(!again.errorsSoFar.contains("damaged"), "\(again.errorsSoFar)")
        _ = try stop(again)
        #expect(try count(of: mark) == 4)
    }

    @Test func `a clock that is set forward and back reorders nothing, and no day that comes is lost`() throws {
        let clock = try MovedClock(in: folder)
        let mark = folder + "/mark"
        try act(": > '\(mark)'")
        let day: Int64 = 86_400
        let before = Self.now(and: -1)
        var told = ""
        let first = try daemon(clock: clock)
        try act("cat '\(mark)'")
        try first.eventually { (try? count(of: mark)) ?? 0 == 1 }
        for ahead in [40 * day, -40 * day, 600, 0] {
            clock.set(ahead: ahead)
            let kept = try count(of: mark)
            // A tick with the other clock, at least.
            let records = first.outputSoFar.utf8.count
            try act("cat '\(mark)'; cat '\(folder)/at\(ahead)' || true")
            try first.eventually { (try? count(of: mark)) ?? 0 == kept + 1 && first.outputSoFar.utf8.count > records }
        }
        told += try stop(first)

        // A machine that comes up with its clock far behind.
        clock.set(ahead: -400 * day)
        let second = try daemon(clock: clock)
        try act("cat '\(mark)'")
        try second.eventually { (try? count(of: mark)) ?? 0 == 6 }
        told += try stop(second)
        let fact = try seen(mark)
        // Ten minutes are no jump.
        #expect(before <= fact.first && fact.first <= fact.last && fact.last <= Self.now(and: 601), "\(fact)")
        try verify(told)

        // And with the right one again.
        clock.set(ahead: 0)
        let third = try daemon(clock: clock)
        try act("cat '\(mark)'")
        try third.eventually { (try? count(of: mark)) ?? 0 == 7 }
        _ = try stop(third)
        #expect(try seen(mark).last >= before)
    }

    @Test func `a second daemon does not take the state of the first`() throws {
        let first = try daemon()
        let second = try RunningSensord([
            "run", "--run-dir", folder + "/run2", "--state-dir", folder + "/state", "--listen", "127.0.0.1:0",
        ]).wait()
        #expect(
            second.status == 1 && second.errors.contains("another daemon (process \(first.pid))"), "\(second.errors)")
        _ = try stop(first)
    }
}
