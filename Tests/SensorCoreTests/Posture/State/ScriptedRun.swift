// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore

/// A log's life, with all that was on disk after each commit.
struct ScriptedRun {
    struct Commit {
        var entries: [String: String]
        var head: RecordStream.Head
        var acknowledged: UInt64
        var files: [String: [UInt8]]
    }

    static var limits: StateLog.Limits {
        var limits = StateLog.Limits()
        limits.segment = 3 << 9
        return limits
    }

    var commits: [Commit] = []
    /// By sequence.
    var payloads: [UInt64: [UInt8]] = [:]
    /// All values that a key ever had, the latest last.
    var history: [String: [String?]] = [:]

    init(_ scratch: ScratchDirectory, commits count: Int, seed: UInt64, hasRemovals: Bool = true) throws {
        var random = SplitMix(seed: seed)
        var log: StateLog? = try scratch.log(Self.limits)
        var entries: [String: String] = [:]
        guard var stream = log.map({ RecordStream($0.head) }) else { return }
        for number in 0..<count {
            if log == nil { log = try scratch.log(Self.limits) }
            guard let current = log else { return }
            var values: [String: String?] = [:]
            for key in ["alpha", "beta", "gamma", "delta", "epsilon"] where Int.random(in: 0..<3, using: &random) == 0 {
                let isGone = hasRemovals && Int.random(in: 0..<6, using: &random) == 0
                values[key] =
                    isGone
                    ? .some(nil) : "\(number)-" + String(repeating: key, count: .random(in: 1...30, using: &random))
            }
            for (key, value) in values {
                if value != nil || entries[key] != nil { history[key, default: []].append(value) }
                entries[key] = value
            }
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                let payload = Array(
                    #"{"commit":\#(number),"x":"\#(UInt64.random(in: 0...9999, using: &random))"}"#.utf8)
                guard let envelope = current.append(payload, to: &stream) else { continue }
                payloads[envelope.sequence] = payload
            }
            if Bool.random(using: &random) {
                current.acknowledge(through: stream.head.sequence - min(stream.head.sequence, 3))
            }
            let isClosing = Int.random(in: 0..<8, using: &random) == 0
            if isClosing {
                for key in values.keys { current.change(Array(key.utf8)) }
                _ = current.close { (values[String(decoding: $0, as: UTF8.self)] ?? nil).map { Array($0.utf8) } }
            } else {
                _ = current.commit(values)
            }
            commits.append(
                Commit(
                    entries: entries, head: stream.head, acknowledged: current.committedAcknowledged,
                    files: scratch.files))
            if isClosing { log = nil }
        }
    }
}
