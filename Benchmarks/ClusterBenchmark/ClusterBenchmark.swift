// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import NIOPosix
import SensorCore
import SensorTestSupport

/// How long it takes from the start until a full node's pods are known with their owners, from an API server on loopback
/// over TLS: 250 pods, each of a Deployment of its own, which takes a list and 501 requests. The server's own time is in it.
///
/// Run by hand: `SENSORD_BENCHMARKS=1 swift run -c release --scratch-path .build-bench ClusterBenchmark`.
@main
struct ClusterBenchmark {
    private static let (pods, deployments, rounds) = (250, 250, 9)

    static func main() async throws {
        try await TestAPIServer.run { @Sendable server in try await measure(server) }
    }

    private static func measure(_ server: TestAPIServer) async throws {
        server.cluster.set(PodFixture.kubeSystem)
        for index in 0..<pods {
            let (pod, objects) = PodFixture.deployment(index, name: "app\(index % deployments)")
            server.cluster.set(objects)
            server.cluster.put(pod.uid, pod.json)
        }
        var times: [Duration] = []
        for _ in 0..<rounds { times.append(try await firstSync(with: server)) }
        times.sort()
        print("first sync of \(pods) pods of \(deployments) Deployments over TLS, \(rounds) times:")
        print("median \(seconds(times[rounds / 2])) s, \(seconds(times[0])) to \(seconds(times[rounds - 1])) s")
    }

    private static func firstSync(with server: TestAPIServer) async throws -> Duration {
        let config = """
            {"current-context":"c","contexts":[{"name":"c","context":{"cluster":"x","user":"u"}}],
            "clusters":[{"name":"x","cluster":{"server":"\(server.url)",
            "certificate-authority":"\(try TestCertificates.shared.get().path("ca.crt"))"}}],
            "users":[{"name":"u","user":{"token":"first-token"}}]}
            """
        let endpoint = try APIEndpoint(kubeconfig: Array(config.utf8), directory: "/")
        let status = ClusterStatusBoard()
        let (synced, told) = AsyncStream<Void>.makeStream()
        var log = Logger(label: "benchmark")
        log.logLevel = .critical
        let watch = ClusterWatch(
            endpoint, ClusterSettings(node: "n1"), status: status, group: MultiThreadedEventLoopGroup.singleton,
            log: log,
            handle: { if $0.contains(.synced) { told.yield() } })
        let start = ContinuousClock.now
        let running = Task { try await watch.run() }
        for await _ in synced { break }
        let time = ContinuousClock.now - start
        precondition(status.snapshot.pods == pods && status.snapshot.unsettledPods == 0)
        running.cancel()
        try await running.value
        return time
    }

    private static func seconds(_ time: Duration) -> Double {
        Double(Int(time / .milliseconds(1))) / 1000
    }
}
