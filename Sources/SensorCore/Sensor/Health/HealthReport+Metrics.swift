// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

extension HealthReport {
    /// What `/metrics` answers. No sample is of one workload: their number has no bound.
    func metrics() -> String {
        var text = MetricsText()
        text.add(
            "standby", .gauge, "1 while it waits for the sensor that runs to end, and collects nothing.",
            standby == nil ? 0 : 1)
        // Of one that has not begun there is nothing else to count.
        if standby != nil {
            addProcess(to: &text)
            return text.text
        }
        addCollector(&text)
        addEvents(&text)
        addLosses(&text)
        if let kernel = collector.kernel { add(kernel, to: &text) }
        addQueues(to: &text)
        if let overload = collector.overload { add(overload, to: &text) }
        addIdentity(&text)
        if let toolCalls { add(toolCalls, to: &text) }
        if let traces { add(traces, to: &text) }
        if let journal { add(journal, to: &text) }
        if !deliveries.isEmpty { addDeliveries(to: &text) }
        addProcess(to: &text)
        return text.text
    }

    private func addProcess(to text: inout MetricsText) {
        // Whoever stands by has none.
        let programs = collector.image.isEmpty ? [] : [("programs", collector.image)]
        text.add(
            "build_info", .gauge, "1 for the version that runs, with the programs that serve this kernel best.",
            [([("version", version)] + programs, 1)])
        text.add(
            "process_cpu_seconds_total", .counter, "Processor time of all its threads, in whole seconds.",
            OverloadMeter.processorTime / 1_000_000_000)
        text.add("process_resident_bytes", .gauge, "What --memory-limit bounds.", UInt64(OverloadMeter.memory))
        let heap = sensor_heap()
        text.add(
            "heap_bytes", .gauge, "Memory in use, and memory that is free and not given back.",
            [([("state", "used")], UInt64(heap.used)), ([("state", "free")], UInt64(heap.unused))])
    }

    private func add(_ overload: OverloadStatus, to text: inout MetricsText) {
        text.add(
            "overload_used_percent", .gauge,
            "What of its own limits the sensor uses (see --cpu-budget, --memory-limit).",
            OverloadGovernor.Limit.allCases.map {
                ([("limit", $0.rawValue)], overload.percent[$0.rawValue] ?? 0)
            })
        text.add(
            "overload_reductions", .gauge, "What it does not do now for being near one.",
            Reduction.names.map { ([("what", $0)], overload.lowered[$0] ?? 0) })
        text.add(
            "overload_steps_total", .counter, "How often something was stopped so, and taken up again.",
            [([("direction", "lower")], overload.lowerings), ([("direction", "raise")], overload.raisings)])
        text.add(
            "overload_exhausted", .gauge, "1 if a limit is near and there is nothing left to be stopped.",
            overload.isExhausted ? 1 : 0)
    }

    private func add(_ journal: PostureJournal.Status, to text: inout MetricsText) {
        let statistics = collector.statistics
        text.add("posture_subjects", .gauge, "Subjects of which posture is learned.", statistics.knownSubjects)
        text.add("posture_facts", .gauge, "Facts that are known of them.", statistics.knownFacts)
        text.add(
            "posture_convergence", .gauge, "Subjects by how well they are known, as each was assessed last.",
            statistics.convergence.map { count in
                (
                    labels: [
                        ("discipline", count.discipline.name), ("state", count.state?.rawValue ?? "not_assessed"),
                    ], value: UInt64(count.subjects)
                )
            })
        text.add(
            "posture_refused_events_total", .counter, "Events of subjects that there was no room for.",
            statistics.refusedSubjects)
        text.add("posture_log_bytes", .gauge, "Files of the state of posture.", UInt64(journal.bytes))
        text.add("posture_records_total", .counter, "Records of the stream that are kept.", journal.sequence)
        text.add(
            "posture_refused_records_total", .counter, "Records that were too large to be kept.", journal.refused)
        text.add(
            "delivery_lag_records", .gauge, "Records that are kept and did not get through yet.",
            journal.sinks.map { ([("sink", $0.name)], $0.unsettled) })
        text.add(
            "delivery_lag_seconds", .gauge, "How long the first of these has been kept; 0 if there is none.",
            seconds: journal.sinks.map { ([("sink", $0.name)], Self.age(of: $0.waitsSince)) })
        text.add(
            "delivery_settling_seconds",
            "From keeping a record until it got through, of the first that each acknowledgement is of.",
            journal.sinks.map { ([("sink", $0.name)], $0.latency) })
        text.add(
            "delivery_missing_records_total", .counter, "Records in whose place a gap was told.",
            journal.sinks.map { ([("sink", $0.name)], $0.missing) })
        text.add(
            "delivery_events_total", .counter, "Events that were to travel as records, and what became of them.",
            [([("result", "kept")], journal.keptEvents), ([("result", "dropped")], journal.droppedEvents)])
        text.add(
            "delivery_spool_bytes", .gauge, "Records that are kept for those that have not taken them.",
            UInt64(journal.spooledBytes))
        text.add(
            "delivery_spool_age_seconds", .gauge, "How long the first of these has been kept; 0 if there is none.",
            seconds: [([], Self.age(of: journal.oldest))])
        text.add(
            "posture_unsettled_records", .gauge, "Records that are kept and not written out yet.", journal.unsettled)
        text.add(
            "posture_missing_records_total", .counter, "Records in whose place there is a gap.", journal.missing)
        text.add(
            "posture_released_subjects_total", .counter, "Subjects that were let go.", statistics.releasedSubjects)
        text.add(
            "posture_waiting_subjects", .gauge,
            "Subjects that are kept and that there was no room for since the start (see --max-subjects).",
            statistics.waitingSubjects)
        text.add(
            "posture_clock_jumps_total", .counter, "Times that the clock jumped and was not believed at once.",
            statistics.clockJumps)
        text.add(
            "posture_commits_total", .counter, "Attempts to keep what changed.",
            [
                ([("result", "kept")], journal.log.commits), ([("result", "failed")], journal.log.failedCommits),
            ])
    }

    private func addDeliveries(to text: inout MetricsText) {
        func each(_ value: (ReconcilerStatus) -> UInt64) -> [(labels: [(String, String)], value: UInt64)] {
            deliveries.map { (labels: [("sink", $0.sink)], value: value($0.status)) }
        }
        text.add(
            "delivery_queue_records", .gauge, "Records that wait in memory.", each { UInt64($0.queuedRecords) })
        text.add("delivery_queue_bytes", .gauge, "Of their payloads.", each { UInt64($0.queuedBytes) })
        text.add(
            "delivery_sent_records_total", .counter, "Records sent, again or not.", each { $0.counters.sentRecords })
        text.add(
            "delivery_resent_records_total", .counter, "Of these, those that may have been sent before.",
            each { $0.counters.resentRecords })
        text.add(
            "delivery_acknowledged_records_total", .counter, "Records that were acknowledged.",
            each { $0.counters.acknowledgedRecords })
        text.add("delivery_requests_total", .counter, "Batches sent, again or not.", each { $0.counters.requests })
        text.add(
            "delivery_request_seconds", "From sending a batch until it was known what became of it.",
            deliveries.map { ([("sink", $0.sink)], $0.status.latency) })
        let reasons: [(String, (ReconcilerCounters) -> UInt64)] = [
            ("unavailable", \.failures), ("throttled", \.throttled), ("unauthorized", \.unauthorized),
            ("too_large", \.splits), ("stale", \.stale), ("disbelieved", \.disbelieved),
        ]
        text.add(
            "delivery_retries_total", .counter, "Batches that did not get through, by why.",
            deliveries.flatMap { delivery in
                reasons.map { reason, count in
                    (
                        labels: [("sink", delivery.sink), ("reason", reason)], value: count(delivery.status.counters)
                    )
                }
            })
        text.add(
            "delivery_refused_batches_total", .counter, "Batches that were refused for what they are.",
            each { $0.counters.rejected })
        text.add(
            "delivery_aside_records_total", .counter, "Records that were set aside for that.",
            each { $0.counters.asideRecords })
        text.add(
            "delivery_aside_dropped_files_total", .counter,
            "Files of records that were set aside before, and had to go for them.",
            each { $0.counters.droppedAsideFiles })
        text.add(
            "delivery_left_out_total", .counter,
            "Log records or spans that the taker of a batch left out of it for good.",
            each { $0.counters.leftOut })
        text.add(
            "delivery_hanging", .gauge, "1 if nothing gets through: /readyz says why.",
            each { $0.trouble == nil ? 0 : 1 })
    }

    private func addCollector(_ text: inout MetricsText) {
        let statistics = collector.statistics
        text.add("records_total", .counter, "Records that came from the kernel.", statistics.records)
        text.add(
            "unknown_processes_total", .counter, "Events of processes that were not known.", statistics.unknownProcesses
        )
        text.add("refused_waits_total", .counter, "Events for which too many waited already.", statistics.refusedWaits)
        text.add(
            "refused_facts_total", .counter, "Facts of what agents say for which too many waited already.",
            statistics.refusedFacts)
        text.add(
            "unattributed_events_total", .counter,
            "Events whose workload, or which container of it, could not be told.",
            statistics.tally.attributed(by: .none))
        text.add(
            "unwatched_cgroups", .gauge, "Cgroups that no selector of --watch covers.", statistics.unwatchedCgroups)
        text.add(
            "unenforced_cgroups_total", .counter, "Of these, those that the kernel had no room to leave out.",
            collector.unenforcedCgroups)
        text.add(
            "known", .gauge, "What is kept now, in tables of a bounded size.",
            [
                ([("what", "process")], statistics.knownProcesses), ([("what", "cgroup")], statistics.knownCgroups),
                ([("what", "first_sight")], statistics.knownTemplates), ([("what", "name")], statistics.knownNames),
            ])
        text.add(
            "evictions_total", .counter, "What had to be forgotten before its time.",
            [
                ([("what", "process")], statistics.evictedProcesses), ([("what", "cgroup")], statistics.evictedCgroups),
                ([("what", "first_sight")], statistics.evictedTemplates), ([("what", "name")], statistics.evictedNames),
                ([("what", "deed_without_call")], statistics.evictedDeeds),
            ])
        text.add(
            "unread_cgroups_total", .counter, "Cgroups that could not be read at the start.", statistics.unreadCgroups)
        text.add(
            "trouble", .gauge, "1 if something went wrong with collecting itself: /readyz says what.",
            collector.trouble == nil ? 0 : 1)
        let states = Dictionary(grouping: collector.programs) { $0.state.name }
        text.add(
            "hooks", .gauge, "Programs by what became of them.",
            ["attached", "absent", "detached", "loaded", "refused"].map {
                ([("state", $0)], UInt64(states[$0]?.count ?? 0))
            })
        guard let output else { return }
        text.add("output_lines_total", .counter, "Lines of records written.", output.written)
        text.add("output_dropped_total", .counter, "Lines of records that found no room.", output.dropped)
        text.add("output_errors_total", .counter, "Attempts to write that failed.", output.errors)
    }

    private func addEvents(_ text: inout MetricsText) {
        let tally = collector.statistics.tally
        text.add(
            "events_total", .counter, "Events made of them, by kind.",
            EventKind.told.map { ([("kind", $0.name)], tally.events(of: $0)) })
        text.add(
            "attributed_events_total", .counter,
            "What was done, repeats among them, by the source of whose it was (see workload.sources).",
            AttributionMethod.allCases.map { ([("method", $0.name)], tally.attributed(by: $0)) })
        text.add(
            "correlated_events_total", .counter,
            "What was done by agents, repeats among them, by how it was joined to a tool call; span: of these and others, after the fact.",
            ToolCallReference.Method.allCases.map { ([("method", $0.rawValue)], tally.joined(by: $0)) } + [
                ([("method", "none")], tally.withoutCall), ([("method", "span")], tally.ofSpans),
            ])
    }

    private func add(_ kernel: KernelUse, to text: inout MetricsText) {
        func each(_ fills: [FillLevel], _ label: String, _ value: (FillLevel) -> Int)
            -> [(labels: [(String, String)], value: UInt64)]
        {
            fills.map { (labels: [(label, $0.name)], value: UInt64(value($0))) }
        }
        text.add("ring_bytes", .gauge, "What waits in the rings of the kernel.", each(kernel.rings, "ring", \.used))
        text.add("ring_size_bytes", .gauge, "What there is room for in them.", each(kernel.rings, "ring", \.size))
        text.add("map_entries", .gauge, "Entries of the kernel's hashes, about.", each(kernel.maps, "map", \.used))
        text.add("map_max_entries", .gauge, "What there is room for in them.", each(kernel.maps, "map", \.size))
        text.add(
            "program_statistics_enabled", .gauge,
            "1 while the kernel counts what programs cost (kernel.bpf_stats_enabled).", kernel.isTimed ? 1 : 0)
        text.add(
            "program_run_seconds_total", .counter, "Time in each program, as far as the kernel has counted it.",
            seconds: kernel.programs.map { ([("program", $0.name)], .nanoseconds(Int64(clamping: $0.nanoseconds))) })
        text.add(
            "program_runs_total", .counter, "Runs of each, as far as the kernel has counted them.",
            kernel.programs.map { ([("program", $0.name)], $0.runs) })
    }

    private func addQueues(to text: inout MetricsText) {
        let statistics = collector.statistics
        text.add(
            "waiting_events", .gauge,
            "Events that wait to be told until it is known whose they are, or to be judged or joined until spans have come.",
            [
                ([("for", "workload")], statistics.waitingEvents), ([("for", "judgement")], statistics.heldDeeds),
                ([("for", "span")], statistics.keptDeeds),
            ])
        let queues = collector.queues + (output.map { [$0.queue] } ?? [])
        text.add(
            "queue_bytes", .gauge, "What waits in the sensor's own queues.",
            queues.map { ([("queue", $0.name)], UInt64($0.used)) })
        text.add(
            "queue_max_bytes", .gauge, "What there is room for in them.",
            queues.map { ([("queue", $0.name)], UInt64($0.size)) })
    }

    private static func age(of time: ContinuousClock.Instant?) -> Duration {
        time.map { max(.zero, $0.duration(to: .now)) } ?? .zero
    }

    private func addLosses(_ text: inout MetricsText) {
        struct Cause: Hashable {
            var hook: UInt8
            var reason: UInt8
        }
        var lost: [Cause: UInt64] = [:]
        for (key, count) in collector.losses.counts where key.isLost {
            lost[Cause(hook: key.hook, reason: key.reason), default: 0] &+= count
        }
        let causes = lost.sorted { ($0.key.hook, $0.key.reason) < ($1.key.hook, $1.key.reason) }
        text.add(
            "lost_events_total", .counter, "Events that are gone, by hook and reason.",
            causes.map { cause, count in
                let hook = Via(rawValue: cause.hook)?.name ?? "\(cause.hook)"
                let reason = LossReason(rawValue: cause.reason)?.name ?? "\(cause.reason)"
                return ([("hook", hook), ("reason", reason)], count)
            })
        text.add(
            "lost_events_untold_total", .counter, "Events that are gone and not told apart.", collector.losses.overflow)
        text.add(
            "blind_operations_total", .counter, "io_uring operations that no event tells of.",
            collector.blindUringOperations.sorted { $0.key < $1.key }.map { ([("opcode", $0.key)], $0.value) })
        text.add(
            "blind_compat_calls_total", .counter, "32-bit calls, which no event tells of.", collector.losses.compatCalls
        )
        let incomplete = collector.losses.incompleteByReason.sorted { $0.key.rawValue < $1.key.rawValue }
        text.add(
            "incomplete_events_total", .counter, "Events that came with something missing.",
            incomplete.map { ([("reason", $0.key.name)], $0.value) })
    }

    private func addIdentity(_ text: inout MetricsText) {
        let counters = identity.counters
        text.add(
            "identity_state", .gauge, "1 for the state that knowing the cluster is in.",
            ClusterStatus.State.allCases.map { ([("state", $0.rawValue)], $0 == identity.state ? 1 : 0) })
        let seconds = identity.since.duration(to: .now).components.seconds
        text.add("identity_state_seconds", .gauge, "How long it has been in that state.", UInt64(max(0, seconds)))
        text.add("identity_pods", .gauge, "Pods of this node that are known.", UInt64(identity.pods))
        text.add(
            "identity_unsettled_pods", .gauge, "Of these, whose owner is not known yet.", UInt64(identity.unsettledPods)
        )
        let totals: [(String, String, UInt64)] = [
            ("lists", "Complete lists of this node's pods.", counters.lists),
            ("watches", "Watches opened.", counters.watches),
            ("relists", "Lists since a version was too old or an event could not be read.", counters.relists),
            ("watch_events", "Events of watches.", counters.events),
            ("bookmarks", "Bookmarks of watches.", counters.bookmarks),
            ("object_gets", "Requests for single owners, namespaces and kinds.", counters.objectGets),
            ("cache_hits", "Owners that needed no request.", counters.cacheHits),
            ("malformed_objects", "Objects and events that could not be read.", counters.malformed),
            ("malformed_fields", "Fields of another type than expected.", counters.malformedFields),
            ("owner_loops", "Objects that own each other.", counters.ownerLoops),
            ("missing_owners", "Owners that are gone or were replaced.", counters.missingOwners),
            ("unreadable_owners", "Objects that do not say readably who manages them.", counters.unreadableOwners),
            ("abandoned_pods", "Deleted pods whose owner nobody could tell in time.", counters.abandonedPods),
            ("foreign_pods", "Pods of other nodes, which were not asked for.", counters.foreignPods),
            ("forbidden", "Requests that are not permitted.", counters.forbidden),
            ("unauthorized", "Requests whose credentials were refused.", counters.unauthorized),
            ("throttled", "Requests that the server put off.", counters.throttled),
            ("failures", "Lists and watches that failed and were tried again.", counters.failures),
            ("owner_retries", "Owners asked for again.", counters.retries),
            ("refused_claims", "Pods that claimed the cgroups of others.", counters.refusedClaims),
            ("pods_without_room", "Pods over the limit.", counters.overflow),
            ("cache_writes", "Writings of the cache on disk.", counters.cacheWrites),
            ("cache_failures", "Failures to read or write it.", counters.cacheFailures),
        ]
        for (name, help, value) in totals { text.add("identity_\(name)_total", .counter, help, value) }
    }
}

extension HealthReport {
    private func add(_ calls: ToolCallServer.Statistics, to text: inout MetricsText) {
        text.add("toolcall_messages_total", .counter, "Messages of agents.", calls.messages)
        text.add("toolcall_connections", .gauge, "Agents that are connected.", UInt64(calls.connections))
        text.add("toolcall_sessions", .gauge, "Sessions that are open.", UInt64(calls.sessions))
        text.add("toolcall_open_calls", .gauge, "Tool calls that are open.", UInt64(calls.calls))
        text.add(
            "toolcall_refused_total", .counter, "What a workload wanted too much of.",
            CallResource.allCases.map { ([("what", $0.rawValue)], calls.refused[$0] ?? 0) })
        text.add("toolcall_anomalies_total", .counter, "State anomalies that were told.", calls.anomalies)
        text.add(
            "toolcall_suppressed_anomalies_total", .counter,
            "State anomalies of which there were too many to tell each.",
            calls.suppressedAnomalies)
    }

    private func add(_ traces: TraceStatistics, to text: inout MetricsText) {
        text.add("otlp_requests_total", .counter, "Requests that brought OpenTelemetry spans.", traces.requests)
        text.add("otlp_calls_total", .counter, "Tool calls that spans told of.", traces.calls)
        text.add(
            "otlp_refused_total", .counter, "Requests and connections that were refused, by reason.",
            TraceStatistics.Refusal.allCases.map { ([("reason", $0.rawValue)], traces.refused[$0] ?? 0) })
    }
}

extension ProgramStatus.State {
    fileprivate var name: String {
        switch self {
        case .loaded: "loaded"
        case .attached: "attached"
        case .absent: "absent"
        case .refused: "refused"
        case .detached: "detached"
        }
    }
}
