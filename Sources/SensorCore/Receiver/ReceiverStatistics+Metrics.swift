// SPDX-License-Identifier: Apache-2.0

extension ReceiverStatistics {
    /// What `/metrics` answers. No sample is of one node or workload: their number has no bound.
    func add(to text: inout MetricsText) {
        text.add("receiver_batches_total", .counter, "Batches that were looked at.", batches)
        text.add("receiver_records_total", .counter, "Records that were taken.", records)
        text.add("receiver_repeated_records_total", .counter, "Records that were taken before.", repeated)
        text.add("receiver_holes_total", .counter, "Batches that began beyond what is known.", holes)
        text.add("receiver_clamped_records_total", .counter, "Records with times ahead of this clock.", clamped)
        text.add(
            "receiver_unknown_records_total", .counter, "Records of bodies that this version does not know.", unknown)
        text.add(
            "receiver_refused_total", .counter, "Requests that were refused.",
            ReceiverRefusal.Reason.allCases.map { ([("reason", $0.rawValue)], refused[$0] ?? 0) })
        text.add(
            "receiver_left_out_total", .counter, "What there was no room for.",
            [
                ([("what", "record")], leftOutRecords), ([("what", "fact")], leftOutFacts),
                ([("what", "revision")], leftOutRevisions),
            ])
        text.add(
            "receiver_dropped_events_total", .counter, "Records of calls, anomalies and nodes that made room.",
            droppedEvents)
        text.add(
            "receiver_damaged_values_total", .counter, "Values on disk that could not be read any more.",
            log.damagedEntries)
        text.add(
            "receiver_known", .gauge, "What is kept.",
            [
                ([("what", "stream")], UInt64(streams)), ([("what", "subject")], UInt64(subjects)),
                ([("what", "writer")], UInt64(writers)), ([("what", "fact")], UInt64(facts)),
                ([("what", "event")], UInt64(events)),
            ])
        text.add("receiver_log_bytes", .gauge, "Files of the state.", UInt64(logBytes))
        text.add(
            "receiver_commits_total", .counter, "Attempts to keep what changed.",
            [([("result", "kept")], log.commits), ([("result", "failed")], log.failedCommits)])
        text.add("receiver_trouble", .gauge, "1 if nothing can be kept.", trouble == nil ? 0 : 1)
    }
}
