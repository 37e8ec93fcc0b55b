// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// `sensord` on a node of a cluster: a real API server's answers over TLS, containers' cgroups, and what users see.
///
/// The API server is served by the threads that tests run on: nothing here may block one for long.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
final class ClusterDaemonTests {
    private let directory: TestDirectory
    private var folder: String { directory.path }
    private let tree: TestKubepods

    init() throws {
        directory = try TestDirectory()
        tree = try TestKubepods()
    }

    /// Flags that make a sensord one of that cluster's.
    private func cluster(_ server: TestAPIServer) throws -> [String] {
        try write(try server.kubeconfig(), to: "kubeconfig")
        return [
            "--kubeconfig", folder + "/kubeconfig", "--node", "n1", "--cluster", "c1", "--run-dir", folder,
            "--state-dir", folder + "/state",
        ]
    }

    private func write(_ text: String, to name: String) throws {
        let descriptor = open(folder + "/" + name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        guard descriptor >= 0, Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count else {
            throw SystemError("write \(name)")
        }
    }

    private func start(_ flags: [String], _ more: String...) async throws -> RunningSensord {
        let daemon = try RunningSensord(
            ["run", "--records", folder + "/records", "--listen", "127.0.0.1:0"] + flags + more)
        try await daemon.until { daemon.errorsSoFar.contains("listening for HTTP") }
        return daemon
    }

    /// - Returns: how many events it says were lost, and how many of them where programs are executed.
    @discardableResult
    private func stop(_ daemon: RunningSensord) async throws -> (all: UInt64, ofExecs: Int) {
        let outcome = try await daemon.stop()
        func count(_ name: String) -> UInt64? {
            let word = outcome.summary.split(separator: " ").first { $0.hasPrefix("\(name)=") }
            return word.flatMap { UInt64($0.dropFirst(name.count + 1)) }
        }
        return (try #require(count("lost"), "\(outcome.summary)"), Int(count("lost.sched_process_exec") ?? 0))
    }

    /// What the daemon serves at the path.
    private func get(_ path: String, of daemon: RunningSensord) async throws -> String {
        let mark = "listening for HTTP address="
        let line = try #require(daemon.errorsSoFar.split(separator: "\n").first { $0.contains(mark) })
        let address = try #require(line.split(separator: "=").last)
        return try await output([], wrapper: ["sh", "-c", "exec curl -s -m 10 http://\(address)\(path)"])
    }

    /// What sensord writes, which is waited for without blocking.
    private func output(_ arguments: [String], wrapper: [String] = []) async throws -> String {
        try await RunningSensord(arguments, wrapper: wrapper).ended().output
    }

    /// The command that runs containers, the first of that number.
    private func containers(_ count: Int, atOnce: Int = 1, from first: Int = 0) -> [String] {
        [RunningSensord.workload, "containers", tree.path, "\(count)", "\(atOnce)", "/etc/hostname", "50", "\(first)"]
    }

    private func run(_ command: [String]) async throws { _ = try await output([], wrapper: command) }

    /// What the records hold, as far as the pattern goes: there may be much of what others do.
    private func records(_ pattern: String) async throws -> [Substring] {
        try await output([], wrapper: ["sh", "-c", "exec grep -F '\(pattern)' '\(folder)/records'"]).split(
            separator: "\n")
    }

    /// Execs of the tree's containers in the records.
    private func execs() async throws -> [Event] {
        try await records(#""kind":"process.exec""#).compactMap { Event(json: Array($0.utf8)[...]) }.filter {
            $0.workload.cgroup.text.hasPrefix(tree.shown)
        }
    }

    private static func lines(of path: String) -> [Substring] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while case let count = read(descriptor, &buffer, buffer.count), count > 0 { bytes += buffer.prefix(count) }
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }

    /// A Deployment's pod, as its containers' cgroups have it.
    private static func pod(_ number: Int) -> PodFixture {
        var pod = PodFixture.deployment().pod
        pod.uid = TestKubepods.uid(number)
        pod.name = "planner-7c9d-\(number)"
        pod.status = pod.status.replacing("c0ffee", with: TestKubepods.container(number))
        return pod
    }

    private static func serve(_ cluster: TestCluster) {
        cluster.set(PodFixture.deployment().objects)
        cluster.set(PodFixture.kubeSystem)
    }

    @Test
    func `a daemon knows whose its containers are: in records, tails, explanations, metrics, and after a restart`()
        async throws
    {
        var flags: [String] = []
        try await TestAPIServer.run { server in
            Self.serve(server.cluster)
            flags = try cluster(server)
            let daemon = try await start(flags)
            try await asyncEventually { try await self.get("/readyz", of: daemon).contains(#""state":"synced""#) }

            // Over before its pod is known.
            try await run(containers(1))
            let early = Self.pod(0)
            server.cluster.put(early.uid, early.json)
            try await asyncEventually { try await self.execs().contains { $0.workload.name == "planner" } }
            let exec = try #require(try await execs().first)
            #expect(exec.workload.kind == "Deployment" && exec.workload.identity.namespace == "agents")
            #expect(exec.workload.identity.sources["owner"] == "api_get")

            let line = try #require(
                try await records(#""kind":"process.exec""#).first { $0.contains("\(tree.shown)/pod\(early.uid)") })
            let id = try #require(line.split(separator: #""id":""#).dropFirst().first?.split(separator: "\"").first)
            let explanation = try await output(["explain", String(id), "--run-dir", folder])
            let token = "the API server: /var/run/secrets/kubernetes.io/serviceaccount/token"
            let sources = ["by list and watch", "asked for the object"]
            for part in ["agents/Deployment/planner", early.uid, TestKubepods.container(0), token] + sources {
                #expect(explanation.contains(part), "\(part): \(explanation)")
            }
            #expect(try await get("/metrics", of: daemon).contains(#"sensord_identity_state{state="synced"} 1"#))

            // Known before it runs, and asked for by name.
            let late = Self.pod(1)
            server.cluster.put(late.uid, late.json)
            try await asyncEventually {
                try await self.get("/metrics", of: daemon).contains("\nsensord_identity_pods 2\n")
            }
            let tail = try await output(
                ["--tail", "--json", "--run-dir", folder, "--namespace", "agents"]
                    + ["--workload", "Deployment/planner", "--container", "main", "--kind", "process.exec", "--"]
                    + containers(1, from: 1))
            let shown = tail.split(separator: "\n").compactMap { Event(json: Array($0.utf8)[...]) }
            #expect(shown.map(\.workload.identity.pod?.name) == ["planner-7c9d-1"], "\(tail)")

            // Whatever was to be kept has been.
            try await asyncEventually {
                Self.lines(of: self.folder + "/state/identity.json").joined().contains(late.uid)
            }
            kill(daemon.pid, SIGKILL)
            _ = try daemon.wait()
        }
        // No API server, and only what the last run left on disk.
        unlink(folder + "/records")
        let daemon = try await start(flags)
        try await run(containers(1, from: 1))
        try await asyncEventually { try await self.execs().contains { $0.workload.name == "planner" } }
        let exec = try #require(try await execs().first)
        #expect(exec.workload.identity.sources["pod"] == "cache", "\(exec.workload.identity.sources)")
        try await asyncEventually { try await self.get("/readyz", of: daemon).contains(#""state":"stale""#) }
        try await stop(daemon)
    }

    @Test func `a tail without a daemon asks the API server itself`() async throws {
        try await TestAPIServer.run { server in
            Self.serve(server.cluster)
            let pod = Self.pod(0)
            server.cluster.put(pod.uid, pod.json)
            let tail = try await output(
                ["--tail", "--json"] + cluster(server)
                    + ["--workload", "Deployment/planner", "--kind", "process.exec", "--"] + containers(1))
            let shown = tail.split(separator: "\n").compactMap { Event(json: Array($0.utf8)[...]) }
            #expect(shown.map(\.workload.identity.pod?.name) == [pod.name], "\(tail)")
            #expect(access(folder + "/state", F_OK) != 0, "a tail leaves nothing behind")
        }
    }

    /// Thirty-four times 250 containers, each in a pod of its own that comes and goes with it, while 20 000 files a second are
    /// opened. It takes twenty-four rounds until all that is kept of what is gone has reached its bound. How many first sights are
    /// kept is a matter of how fast they come: they stay for a few ticks only, so that there are too few of them for that to
    /// be seen.
    @Test func `memory is flat while containers come and go and events flow, and each is its Deployment's`()
        async throws
    {
        try await TestAPIServer.run { server in
            Self.serve(server.cluster)
            // On a busy machine an API server that the test plays is slower than a pod may be.
            let daemon = try await start(
                try cluster(server), "--tick", "1", "--idle-ticks", "10", "--identity-wait", "120")
            let flood = try RunningSensord(
                [], wrapper: [RunningSensord.workload, "open-paced", folder + "/flood", "1000", "20000"])
            let (rounds, size) = (34, 250)
            var (memory, known): ([Int], [String]) = ([], [])
            for round in 0..<rounds {
                let numbers = round * size..<(round + 1) * size
                let pods = numbers.map { Self.pod($0) }
                for pod in pods { server.cluster.put(pod.uid, pod.json) }
                try await run(containers(size, atOnce: 25, from: numbers.lowerBound))
                for pod in pods { server.cluster.delete(pod.uid) }
                try await asyncEventually {
                    try await self.get("/metrics", of: daemon).contains("\nsensord_identity_pods 0\n")
                }
                let metrics = try await self.get("/metrics", of: daemon)
                memory.append(try Self.heap(metrics) >> 10)
                known = metrics.split(separator: "\n").filter { $0.hasPrefix("sensord_known{") }.map(String.init)
            }
            kill(flood.pid, SIGTERM)
            let opened = try #require(
                UInt64(try await flood.ended().output.split(whereSeparator: \.isWhitespace).last ?? ""))
            let lost = try await stop(daemon)

            let early = memory[24...27].max() ?? 0
            let late = memory[31...33].min() ?? 0
            #expect(late - early < 1536, "KiB after each round: \(memory), at the end \(known)")
            let execs = try await execs()
            let others = execs.map(\.workload).filter { $0.kind != "Deployment" || $0.name != "planner" }
            #expect(others.count == 0, "such as \(others.first?.identity as Any)")
            #expect(Set(execs.compactMap { $0.workload.identity.pod?.uid }).count == execs.count)
            // On a busy machine some are lost, and counted.
            let missing = rounds * size - execs.count
            #expect(missing >= 0 && missing <= lost.ofExecs)
            let sum = "grep -o '\"count\":\"[0-9]*' | awk -F'\"' '{ n += $4 } END { printf \"%d\", n }'"
            let told = try #require(
                UInt64(
                    try await output(
                        [],
                        wrapper: [
                            "sh", "-c", "grep -F /flood/paced- '\(folder)/records' | grep -v '^{\"stream' | \(sum)",
                        ])))
            #expect(told <= opened && told + lost.all >= opened)
            #expect(opened > 20_000)
        }
    }

    /// Bytes in use.
    private static func heap(_ metrics: String) throws -> Int {
        let name = "sensord_heap_bytes{state=\"used\"} "
        let line = metrics.split(separator: "\n").first { $0.hasPrefix(name) }
        return try #require(line.flatMap { Int($0.dropFirst(name.count)) })
    }
}
