// SPDX-License-Identifier: Apache-2.0

import Logging
import SensorCore

/// What a SIGHUP does to the daemon: its settings are read again, and the selectors of what is watched are taken over.
struct Reload {
    /// What holds now.
    private var running: Settings
    private let log: Logger
    private let reread: () throws -> Settings

    init(running: Settings, log: Logger, reread: @escaping () throws -> Settings) {
        self.running = running
        self.log = log
        self.reread = reread
    }

    mutating func run(_ collector: Collector) {
        let next: Settings
        do { next = try reread() } catch {
            log.error("the settings cannot be read again, the old ones stay", metadata: ["error": "\(error)"])
            return
        }
        let rest = next.differences(from: running).filter { $0 != .watch }
        if !rest.isEmpty {
            log.warning(
                "these settings need a restart",
                metadata: ["settings": "\(rest.map(\.rawValue).joined(separator: ","))"])
        }
        guard next.watch != running.watch else {
            log.info("the settings were read again: the same is watched")
            return
        }
        let before = Self.text(running.watch)
        collector.watch(next.watch)
        running.watch = next.watch
        let summary = collector.summary()
        var metadata = Self.metadata(next.watch, summary)
        metadata["before"] = "\(before)"
        log.notice("the settings were read again: other workloads are watched", metadata: metadata)
    }

    static func metadata(_ watch: [String], _ summary: CollectorSummary) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            "watch": "\(text(watch))", "unwatchedCgroups": "\(summary.statistics.unwatchedCgroups)",
        ]
        // What these do costs, though no event is made of it: --max-workloads makes room for more.
        if summary.unenforcedCgroups > 0 { metadata["unenforcedCgroups"] = "\(summary.unenforcedCgroups)" }
        return metadata
    }

    private static func text(_ watch: [String]) -> String {
        watch.isEmpty ? "everything" : watch.joined(separator: ",")
    }
}
