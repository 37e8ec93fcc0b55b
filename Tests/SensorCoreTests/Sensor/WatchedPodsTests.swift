// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

/// Two pods on a real kernel, one of them watched, from what they do to what the sinks get.
@Suite(.tags(.kernel), .needsKernel, .serialized) struct WatchedPodsTests {
    /// A pod's cgroups, as the kubelet shapes them.
    private final class Pod {
        let identity: PodIdentity
        /// Of the container, as mounted and as events have it.
        let path: String
        let cgroup: String
        private var made: [String] = []

        init(_ namespace: String) throws {
            let tracked = try #require(CgroupHierarchy.current().tracked)
            let number = String(KernelSession.bootTime(), radix: 16)
            let digits = String(repeating: "0", count: 32 - number.count) + number
            let cut = [0, 8, 12, 16, 20, 32].map { digits.index(digits.startIndex, offsetBy: $0) }
            let uid = zip(cut, cut.dropFirst()).map { digits[$0..<$1] }.joined(separator: "-")
            let container = digits + digits
            var path = ""
            for part in ["sensord-test-\(namespace)-\(getpid())-\(number)", "kubepods", "pod\(uid)", container] {
                path += "/" + part
                let error = mkdir(tracked + path, 0o755)
                try #require(error == 0)
                made.append(tracked + path)
            }
            cgroup = path
            self.path = tracked + path
            var identity = PodIdentity(
                uid: uid, namespace: namespace, name: "web-1",
                controller: .init(group: "apps", kind: "Deployment", name: "web", uid: "d-\(namespace)"),
                controllerSource: .get)
            identity.containers = [.init(name: "main", role: .main, ids: [container])]
            self.identity = identity
        }

        deinit {
            // A process that has just been waited for may still be leaving.
            for path in made.reversed() {
                for _ in 0..<1000 where rmdir(path) != 0 && errno == EBUSY { usleep(1000) }
            }
        }

        /// A cgroup that the container makes for itself.
        func makeInner() throws -> String {
            let inner = path + "/inner"
            let error = mkdir(inner, 0o755)
            try #require(error == 0)
            made.append(inner)
            return inner
        }

        func owns(_ event: Event) -> Bool { event.workload.cgroup.text.hasPrefix(cgroup) }
    }

    /// Ten files made, read, renamed and removed, one that is not there, a program, a connection refused.
    private func work(in cgroup: String) throws {
        let directory = try TestDirectory()
        try Child.shell(
            """
            set -e; cd '\(directory.path)'; echo $$ >'\(cgroup)/cgroup.procs'
            for i in 0 1 2 3 4 5 6 7 8 9; do echo x >$i; cat $i >/dev/null; mv $i $i.b; rm $i.b; done
            cat missing 2>/dev/null || :
            '\(WorkloadProcess.program)' tcp-refused 4 blocking </dev/null >/dev/null
            """)
    }

    private static let activities: Set<EventKind> = [
        .fileOpen, .fileCreate, .fileRename, .fileDelete, .fileExecmap, .networkConnect, .syscallFirst,
    ]

    /// The kinds of what was told of a pod since `start`, and whether that was news.
    private func told(_ pod: Pod, _ sink: KeepingSink, from start: Int) -> (kinds: Set<EventKind>, news: Int) {
        let events = sink.events[start...].filter(pod.owns)
        return (Set(events.map(\.kind)), events.count { $0.isFirstSeen })
    }

    @Test func `events come of the pod that is watched, and none of the other; selectors change while it runs`() throws
    {
        let (first, second) = (try Pod("agents"), try Pod("shop"))
        var configuration = CollectorConfiguration()
        configuration.watch = ["namespace=agents"]
        configuration.followsCluster = true
        configuration.tick = 100_000_000
        configuration.kernel.batchMilliseconds = 5
        let sink = KeepingSink()
        let collector = try Collector(configuration, sinks: [sink])
        collector.apply([.cluster(name: "c", id: "c"), .pod(first.identity), .pod(second.identity), .synced])

        func round() throws -> (first: (kinds: Set<EventKind>, news: Int), second: (kinds: Set<EventKind>, news: Int)) {
            let start = sink.events.count
            for pod in [first, second] { try work(in: pod.path) }
            _ = collector.drained()
            return (told(first, sink, from: start), told(second, sink, from: start))
        }

        var seen = try round()
        #expect(seen.first.kinds.isSuperset(of: Self.activities))
        #expect(seen.first.kinds.isSuperset(of: [.processExec, .processFork, .processExit]))
        #expect(seen.second.kinds == [])
        var statistics = collector.summary().statistics
        #expect(statistics.unwatchedCgroups > 0)
        // Lives of processes came, and ended in the pipeline.
        #expect(statistics.unwatchedEvents > 0)

        // A cgroup that the unwatched container makes is not watched either, once it is known.
        let inner = try second.makeInner()
        _ = collector.drained()
        let start = sink.events.count
        try work(in: inner)
        _ = collector.drained()
        #expect(told(second, sink, from: start).kinds == [])

        // A tail of everything is shown the other pod too, but no first sights of it.
        collector.setStream(.all)
        seen = try round()
        #expect(seen.second.kinds.isSuperset(of: Self.activities.subtracting([.syscallFirst])))
        #expect(seen.second.news == 0)
        #expect(seen.first.news > 0)

        // Of one that asks for the first pod only, nothing of the other is sent.
        collector.setStream(.all, workloads: [WorkloadFilter(namespaces: ["agents"])])
        seen = try round()
        #expect(seen.first.kinds.isSuperset(of: Self.activities.subtracting([.syscallFirst])))
        #expect(seen.second.kinds == [])
        collector.setStream(.none)

        collector.watch(["deploy/web+namespace=shop"])
        seen = try round()
        #expect(seen.first.kinds == [])
        #expect(seen.second.kinds.isSuperset(of: Self.activities))
        #expect(seen.second.news > 0)

        collector.watch([])
        seen = try round()
        #expect(seen.first.kinds.isSuperset(of: Self.activities.subtracting([.syscallFirst])))
        #expect(seen.second.kinds.contains(.fileCreate))
        statistics = collector.stop().statistics
        #expect(statistics.unwatchedCgroups == 0)
        #expect(collector.summary().unenforcedCgroups == 0)
    }
}
