// SPDX-License-Identifier: Apache-2.0

import SensorCore
import SensorTestSupport
import Testing

/// A workload whose daemon's records go to the reference receiver, and what both of them know of it.
final class DeliveryFixture {
    private let directory: TestDirectory
    private let cgroup: TestCgroup
    var folder: String { directory.path }

    /// - Parameter name: of the workload's cgroup.
    init(_ name: String) throws {
        directory = try TestDirectory()
        cgroup = try TestCgroup(name)
        let group = cgroup.path.split(separator: "/").last ?? ""
        let workload = #"{"namespace":"agents","kind":"Deployment","name":"planner"}"#
        try write(#"[{"cgroup":"/\#(group)","workload":\#(workload)}]"#, to: "map")
    }

    func write(_ text: String, to name: String) throws {
        try SmallFile.replace("\(folder)/\(name)", with: Array(text.utf8))
    }

    func start(_ url: String, _ more: [String] = [], environment: [String] = []) async throws -> RunningSensord {
        try await .delivering(
            to: url, in: folder,
            ["--tick", "0.1", "--listen", "127.0.0.1:0", "--workload-map", folder + "/map"] + more,
            environment: environment)
    }

    /// Makes files of these names in the workload: each is a fact of its own.
    func act(_ names: String...) async throws { try await act(names) }

    func act(_ names: [String]) async throws {
        let files = names.map { "'\(folder)/\($0)'" }.joined(separator: " ")
        try await RunningSensord.shell("\(cgroup.enter); for file in \(files); do : > \"$file\"; done")
    }

    func get(_ path: String, of daemon: RunningSensord) async throws -> String {
        try await RunningSensord.shell("exec curl -s -m 60 http://\(try daemon.address())\(path)")
    }

    /// Waits until what `act` made is there.
    func arrival(of names: String..., from daemon: RunningSensord, at receiver: RunningReceiver) async throws {
        try await asyncEventually {
            if daemon.isOver { throw Timeout(what: "sensord ended: \(daemon.errorsSoFar)") }
            let known = try await counts(at: receiver)
            return names.allSatisfy { known[$0] != nil }
        }
    }

    /// How often files of the folder were made, by their names: what was told of it.
    func counts(at receiver: RunningReceiver) async throws -> [String: UInt64] {
        try await receiver.profile(of: "-/agents/Deployment/planner").map(made) ?? [:]
    }

    /// The same as the daemon keeps it.
    func keptCounts() async throws -> [String: UInt64] {
        let kept = try await RunningSensord(["posture", "--state-dir", folder + "/state", "--json", "planner"]).ended()
        let subject = try PostureSnapshot(Array(kept.output.utf8), name: "kept").subjects.first
        return made(in: try #require(subject, "\(kept.errors)").profile)
    }

    private func made(in profile: SharedProfile) -> [String: UInt64] {
        profile.facts.reduce(into: [:]) { counts, known in
            let (key, fact) = (known.key.key, known.value)
            let path = key[.path].text
            guard key.kind == .file, path.hasPrefix(folder + "/") else { return }
            counts[String(path.dropFirst(folder.utf8.count + 1)), default: 0] += fact.counts.count
        }
    }

    /// Stops the daemon; what was done must be at the receiver, as often as the daemon has counted it, in one whole stream.
    func expectAll(_ names: [String], from daemon: RunningSensord, at receiver: RunningReceiver) async throws {
        let known = try await counts(at: receiver)
        #expect(Set(names).subtracting(known.keys) == [])
        try await daemon.stop()
        let kept = try await keptCounts()
        #expect(known.filter { names.contains($0.key) } == kept.filter { names.contains($0.key) })
        try await receiver.expectOneWholeStream()
    }
}
