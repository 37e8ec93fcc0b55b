// SPDX-License-Identifier: Apache-2.0

/// What was lost, or happened out of sight, between two ticks, workload by workload.
package struct LossReport: Sendable {
    /// Events of one kind that are gone, for one reason.
    package struct Loss: Sendable, Equatable {
        package var hook: String
        package var reason: String
        /// Empty where it is not known.
        package var kind: String
        package var count: UInt64
    }

    package struct Subject: Sendable {
        /// As far as it is known now; nil: what is of the node and of no workload.
        package var workload: WorkloadDescription?
        /// The worst first.
        package var lost: [Loss] = []
        /// What no event tells of, by the names of `CollectorSummary.blindOperations`.
        package var blind: [String: UInt64] = [:]

        package var lostCount: UInt64 { lost.reduce(0) { $0 &+ $1.count } }

        fileprivate mutating func merge(_ other: Subject) {
            for loss in other.lost {
                let place = lost.firstIndex { ($0.hook, $0.reason, $0.kind) == (loss.hook, loss.reason, loss.kind) }
                if let place { lost[place].count &+= loss.count } else { lost.append(loss) }
            }
            blind.merge(other.blind, uniquingKeysWith: &+)
        }
    }

    /// Nanoseconds since 1970.
    package var from: UInt64
    package var to: UInt64
    /// Those that lost most first.
    package var subjects: [Subject]
}

extension LossReport {
    /// Workloads that are told apart in a report of several.
    private static let subjectLimit = 4096

    /// Makes one report of both. What is lost by more workloads than are told apart counts for the node.
    mutating func merge(_ other: LossReport) {
        from = min(from, other.from)
        to = max(to, other.to)
        var places: [[UInt8]: Int] = [:]
        for (index, subject) in subjects.enumerated() { places[subject.workload?.fragment ?? []] = index }
        for var subject in other.subjects {
            if places[subject.workload?.fragment ?? []] == nil, subjects.count >= Self.subjectLimit {
                subject.workload = nil
            }
            let name = subject.workload?.fragment ?? []
            if let place = places[name] {
                subjects[place].merge(subject)
            } else {
                places[name] = subjects.count
                subjects.append(subject)
            }
        }
    }

    /// Lines of JSON, one for each workload, newlines included.
    func lines() -> (bytes: [UInt8], count: Int) {
        var bytes: [UInt8] = []
        for subject in subjects {
            var json = JSONText()
            json.append("{\"coverage\":[")
            let kinds = Dictionary(grouping: subject.lost) { $0.kind }.sorted { $0.key < $1.key }
            var isFirst = true
            for (kind, losses) in kinds {
                begin(subject, &json, isFirst: isFirst)
                isFirst = false
                if !kind.isEmpty {
                    json.append(",\"kind\":")
                    json.append(string: kind)
                }
                json.append(",\"state\":\"lossy\",\"lost\":[")
                for (index, loss) in losses.enumerated() {
                    json.append(index == 0 ? "{\"hook\":" : ",{\"hook\":")
                    json.append(string: loss.hook)
                    json.append(",\"reason\":")
                    json.append(string: loss.reason)
                    json.append(",\"count\":")
                    json.append(quoted: loss.count)
                    json.append("}")
                }
                json.append("]}")
            }
            if !subject.blind.isEmpty {
                begin(subject, &json, isFirst: isFirst)
                json.append(",\"state\":\"blind\",\"operations\":[")
                for (index, entry) in subject.blind.sorted(by: { $0.key < $1.key }).enumerated() {
                    json.append(index == 0 ? "{\"name\":" : ",{\"name\":")
                    json.append(string: entry.key)
                    json.append(",\"count\":")
                    json.append(quoted: entry.value)
                    json.append("}")
                }
                json.append("],\"why\":\"no event tells of these\"}")
            }
            json.append("]}\n")
            bytes += json.bytes.array
        }
        return (bytes, subjects.count)
    }

    private func begin(_ subject: Subject, _ json: inout JSONText, isFirst: Bool) {
        json.append(isFirst ? "{" : ",{")
        if let workload = subject.workload {
            json.append(fragment: workload.fragment)
            json.append(",")
        }
        json.append("\"from\":\"")
        json.append(time: from)
        json.append("\",\"to\":\"")
        json.append(time: to)
        json.append("\"")
    }
}
