// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import SwiftProtobuf
import Testing

@testable import sensord

/// An agent's Deployment over many generations of pods, two rollouts and three runs of the daemon, one of which is killed: it is one
/// subject, and its counts are those of all of them.
///
/// The API server is served by the threads that tests run on: nothing here may block one for long.
@Suite(.serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
final class PodGenerationsTests {
    private let directory: TestDirectory
    private var folder: String { directory.path }
    private let tree: TestKubepods
    private var mark: String { folder + "/mark" }

    init() throws {
        directory = try TestDirectory()
        tree = try TestKubepods()
        try Child.shell("mkdir '\(folder)/www' '\(folder)/out'; : > '\(folder)/www/page'; : > '\(mark)'")
        try Child.shell("cat > '\(folder)/agent.py' <<'END'\n\(Self.agent)\nEND")
    }

    /// A web client that announces its call, and keeps what it fetched in a file that has another name each time.
    private static let agent = """
        import sys, urllib.request, uuid
        sys.dont_write_bytecode = True
        sys.path.insert(0, "\(AgentFixture.client)")
        import sensord
        sensord.TIMEOUT = 20
        url, folder = sys.argv[1:]
        client = sensord.Client(agent="planner", session=str(uuid.uuid4()))
        with client.call("fetch", {"url": url}):
            page = urllib.request.urlopen(url).read()
            with open("%s/out/%s" % (folder, uuid.uuid4()), "wb") as file:
                file.write(page)
        """

    private func start(_ server: TestAPIServer) async throws -> RunningSensord {
        try Child.shell("cat > '\(folder)/kubeconfig' <<'END'\n\(try server.kubeconfig())END")
        let daemon = try RunningSensord([
            "run", "--kubeconfig", folder + "/kubeconfig", "--node", "n1", "--cluster", "c1", "--run-dir",
            folder + "/run",
            "--state-dir", folder + "/state", "--tick", "0.1", "--records", folder + "/records", "--listen", "none",
        ])
        try await daemon.until { daemon.errorsSoFar.contains("collecting") }
        return daemon
    }

    /// What a program writes, which is waited for without blocking.
    private func output(_ arguments: [String], wrapper: [String] = [], environment: [String] = []) async throws
        -> String
    {
        let outcome = try await RunningSensord(arguments, wrapper: wrapper, environment: environment).ended()
        try #require(outcome.status == 0, "\(outcome.errors)")
        return outcome.output
    }

    /// A pod comes, does its work in its one container, and goes.
    private func live(_ number: Int, of owner: PodFixture.Owner, _ server: TestAPIServer, url: String) async throws {
        var pod = PodFixture(TestKubepods.uid(number), "\(owner.name)-\(number)", owner: owner)
        pod.status = pod.status.replacing("c0ffee", with: TestKubepods.container(number))
        server.cluster.put(pod.uid, pod.json)
        let cgroup = "\(tree.path)/pod\(pod.uid)"
        let container = "\(cgroup)/\(TestKubepods.container(number))"
        try #require(mkdir(cgroup, 0o755) == 0 && mkdir(container, 0o755) == 0)
        let script =
            "echo $$ > '\(container)/cgroup.procs'; cat '\(mark)'; exec python3 '\(folder)/agent.py' '\(url)' '\(folder)'"
        _ = try await output(
            [], wrapper: ["sh", "-c", script, "sh"],
            environment: ["SENSORD_TOOLCALLS=\(folder)/run/agent/toolcalls.sock"])
        // What has just ended may still be leaving.
        try await asyncEventually { rmdir(container) == 0 }
        try #require(rmdir(cgroup) == 0)
        server.cluster.delete(pod.uid)
    }

    /// What is kept of the Deployment, once it has lived so often.
    private func kept(after generations: Int) async throws -> PostureRecord {
        var found: PostureRecord?
        try await asyncEventually {
            let lines = try await RunningSensord([
                "posture", "Deployment/planner", "--json", "--state-dir", folder + "/state",
            ]).ended().lines
            found = try lines.first.map { try PostureRecord(jsonString: String($0)) }
            try #require(lines.count <= 1, "one subject: \(lines.map { $0.prefix(400) })")
            return found?.profile.facts.contains { $0.key.path == mark && $0.count >= UInt64(generations) } ?? false
        }
        return try #require(found)
    }

    @Test(.enabled(if: AgentFixture.hasPython, "needs python3"))
    func `generations of pods are one subject, whose counts and revisions go on over rollouts, restarts and a kill`()
        async throws
    {
        let web = try RunningSensord(
            [], wrapper: ["sh", "-c", "exec python3 -u -m http.server --bind 127.0.0.1 --directory '\(folder)/www' 0"])
        try await web.until { web.outputSoFar.contains(" port ") }
        let port = try #require(
            UInt32(web.outputSoFar.split(separator: " port ").last?.prefix { $0.isNumber } ?? ""))
        let generations = 12
        try await TestAPIServer.run { server in
            let owners = ["5f6d", "7c9d", "9b8e"].map { PodFixture.Owner.replicaSet("planner-\($0)", "rs-\($0)") }
            let deployment = PodFixture.Owner(apiVersion: "apps/v1", kind: "Deployment", name: "planner", uid: "dep")
            server.cluster.set(PodFixture.kubeSystem)
            server.cluster.set(
                "/apis/apps/v1/namespaces/agents/deployments/planner", PodFixture.metadata("dep", "planner"))
            for (number, owner) in owners.enumerated() {
                server.cluster.set(
                    "/apis/apps/v1/namespaces/agents/replicasets/\(owner.name)",
                    PodFixture.metadata(
                        owner.uid, owner.name, owner: deployment,
                        annotations: ["deployment.kubernetes.io/revision": "\(number + 1)"]))
            }
            for run in 0..<3 {
                let daemon = try await start(server)
                for number in 4 * run..<4 * (run + 1) {
                    try await live(
                        number, of: owners[number * owners.count / generations], server,
                        url: "http://127.0.0.1:\(port)/page")
                }
                // All that it knows is kept by then: a kill takes nothing of it.
                _ = try await kept(after: 4 * (run + 1))
                if run == 1 { try await daemon.crash() } else { try await daemon.stop() }
            }
        }
        kill(web.pid, SIGTERM)

        let record = try await kept(after: generations)
        #expect(record.subject.container == "main" && record.subject.namespace == "agents")
        #expect(record.profile.revisions.map(\.name) == ["1", "2", "3"])
        func facts(_ kind: String, _ isWanted: (PostureFactKey) -> Bool) -> [PostureFact] {
            record.profile.facts.filter { $0.kind == kind && isWanted($0.key) }
        }
        let read = facts("file") { $0.path == mark }
        let fetched = facts("egress") { $0.peer == "127.0.0.1" && $0.port == port }
        let called = facts("tool") { $0.name == "fetch" }
        for fact in [read, fetched, called].map(\.first) {
            let fact = try #require(fact)
            #expect(fact.count == UInt64(generations), "\(fact.kind)")
            #expect(fact.revisions == ["1", "2", "3"], "\(fact.kind)")
            #expect(fact.serviceAccount == "planner" && fact.outcome == "ok", "\(fact.kind)")
        }
        #expect([read, fetched, called].map(\.count) == [1, 1, 1])
        // What it does for an agent is not what it does by itself.
        #expect(read.first?.agent == "" && fetched.first?.agent == "planner")
        #expect(!facts("effect") { $0.tools == ["fetch"] }.isEmpty)
        #expect((read.first?.replicas.count ?? 0) > 1)
        let written = facts("file") { $0.path.hasPrefix(folder + "/out/") }
        #expect(written.count == generations && written.allSatisfy { $0.agent == "planner" })
        let page = try await output(["posture", "Deployment/planner", "--no-color", "--state-dir", folder + "/state"])
        #expect(page.contains("replicas \(generations)\n") && page.contains("\(generations)×  fetch"), "\(page)")
        let verified = try await output(["verify", folder + "/records"])
        #expect(verified.split(separator: "\n").count { $0.hasPrefix("stream ") } == 1, "\(verified)")
    }
}
