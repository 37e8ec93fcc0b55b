// SPDX-License-Identifier: Apache-2.0

/// Keeps a workload that breaks a rule over and over from filling the stream: what is held back is counted, and told.
struct AnomalyGate {
    private struct Key: Hashable {
        var workload: UInt64
        var rule: AnomalyRule
    }

    private struct Window {
        var began: UInt64
        var told: Int
        var suppressed: UInt64 = 0
        /// The latest of those.
        var latest: (anomaly: AnomalyDetail, origin: CallOrigin)?
    }

    /// Of a workload and a rule, in that time (ns).
    static let limit = 10
    static let time: UInt64 = 60_000_000_000

    private var windows: [Key: Window] = [:]
    /// Held back since the sensor started.
    private(set) var suppressed: UInt64 = 0
    private(set) var told: UInt64 = 0

    var isEmpty: Bool { windows.isEmpty }

    /// - Returns: what is to be told; nil: nothing, for now.
    mutating func pass(
        _ anomaly: AnomalyDetail, of workload: UInt64, _ origin: CallOrigin
    ) -> AnomalyDetail? {
        let key = Key(workload: workload, rule: anomaly.rule)
        var window = windows[key] ?? Window(began: origin.time, told: 0)
        defer { windows[key] = window }
        if origin.time &- window.began >= Self.time {
            window.began = origin.time
            window.told = 0
        }
        guard window.told < Self.limit else {
            window.suppressed += 1
            window.latest = (anomaly, origin)
            suppressed += 1
            return nil
        }
        var anomaly = anomaly
        anomaly.suppressed = window.suppressed
        window.suppressed = 0
        window.latest = nil
        window.told += 1
        told += 1
        return anomaly
    }

    /// What was held back in times that are over, each rule of each workload once, with the number of the others.
    mutating func overdue(at now: UInt64) -> [(AnomalyDetail, CallOrigin)] {
        var overdue: [(AnomalyDetail, CallOrigin)] = []
        for (key, window) in windows where now &- window.began >= Self.time {
            windows[key] = nil
            guard let latest = window.latest else { continue }
            var anomaly = latest.anomaly
            anomaly.suppressed = window.suppressed - 1
            suppressed -= 1
            told += 1
            overdue.append((anomaly, latest.origin))
        }
        return overdue.sorted { $0.1.time < $1.1.time }
    }
}
