// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// A machine made up by a test.
final class FakeHost: HostView {
    var answers: [HostQuestion: HostAnswer] = [:]
    private(set) var asked: [HostQuestion] = []

    func answer(_ question: HostQuestion) -> HostAnswer {
        asked.append(question)
        return answers[question] ?? .failure(ENOENT)
    }

    func set(_ question: HostQuestion, _ text: String) { answers[question] = .bytes(Array(text.utf8)) }

    /// A process as /proc shows it; `start` in ns.
    func addProcess(
        _ pid: UInt32, parent: UInt32, start: UInt64, executable: String, arguments: [String], uid: UInt32 = 0
    ) {
        let filler = Array(repeating: "0", count: 17).joined(separator: " ")
        set(.file(pid: pid, .stat), "\(pid) (a (b) c) S \(parent) \(filler) \(start / 10_000_000) 0 0")
        set(.link(pid: pid, .executable), executable)
        set(.link(pid: pid, .workingDirectory), "/work")
        set(.file(pid: pid, .cmdline), arguments.map { $0 + "\0" }.joined())
        set(
            .file(pid: pid, .status),
            "Name:\tx\nUid:\t\(uid)\t\(uid)\t\(uid)\t\(uid)\nGid:\t\(uid)\t\(uid)\t\(uid)\t\(uid)\nCapEff:\t00000000000000ff\n"
        )
    }

    func setCgroups(_ cgroups: [(id: UInt64, path: ByteString)]) {
        var bytes: [UInt8] = []
        for (id, path) in cgroups {
            withUnsafeBytes(of: id.littleEndian) { bytes.append(contentsOf: $0) }
            withUnsafeBytes(of: UInt32(path.bytes.count).littleEndian) { bytes.append(contentsOf: $0) }
            bytes += path.bytes
        }
        answers[.cgroups] = .bytes(bytes)
    }
}
