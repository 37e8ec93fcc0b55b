// SPDX-License-Identifier: Apache-2.0

/// Writes Prometheus' text format, version 0.0.4.
struct MetricsText {
    enum Kind: String {
        case counter
        case gauge
    }

    private(set) var text = ""

    /// One metric with one value.
    mutating func add(_ name: String, _ kind: Kind, _ help: String, _ value: UInt64) {
        add(name, kind, help, [([], value)])
    }

    /// One metric with a value for each set of labels.
    mutating func add(
        _ name: String, _ kind: Kind, _ help: String, _ samples: [(labels: [(String, String)], value: UInt64)]
    ) {
        begin(name, kind.rawValue, help)
        for sample in samples { add(name, sample.labels, "\(sample.value)") }
    }

    /// The same in seconds.
    mutating func add(
        _ name: String, _ kind: Kind, _ help: String, seconds samples: [(labels: [(String, String)], value: Duration)]
    ) {
        begin(name, kind.rawValue, help)
        for sample in samples { add(name, sample.labels, "\(sample.value / .seconds(1))") }
    }

    /// One metric with a histogram for each set of labels, in seconds.
    mutating func add(
        _ name: String, _ help: String, _ samples: [(labels: [(String, String)], value: LatencyHistogram)]
    ) {
        begin(name, "histogram", help)
        for (labels, histogram) in samples {
            var total: UInt64 = 0
            for (bound, count) in zip(LatencyHistogram.bounds.map { "\($0)" } + ["+Inf"], histogram.counts) {
                total += count
                add("\(name)_bucket", labels + [("le", bound)], "\(total)")
            }
            add("\(name)_sum", labels, "\(histogram.sum / .seconds(1))")
            add("\(name)_count", labels, "\(total)")
        }
    }

    private mutating func begin(_ name: String, _ kind: String, _ help: String) {
        text += "# HELP sensord_\(name) \(help)\n# TYPE sensord_\(name) \(kind)\n"
    }

    private mutating func add(_ name: String, _ labels: [(String, String)], _ value: String) {
        text += "sensord_\(name)"
        if !labels.isEmpty {
            text += "{" + labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",") + "}"
        }
        text += " \(value)\n"
    }

    private static func escaped(_ value: String) -> String {
        guard value.contains(where: { "\\\"\n".contains($0) }) else { return value }
        return value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
