// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SwiftProtobuf

/// What posture costs on a full node: memory, time for a new and for a repeated event, time for a tick, bytes of a share.
///
/// With the word `month`: thirty days of it instead. Run by hand: `SENSORD_BENCHMARKS=1 swift run -c release --scratch-path .build-bench PostureBenchmark`.
@main
struct PostureBenchmark {
    private static let subjects = 250
    private static let facts = 500

    static func main() {
        if CommandLine.arguments.contains("month") { return Month.run() }
        let workloads = (0..<subjects).map { number in
            var identity = WorkloadIdentity(kind: "Deployment")
            (identity.namespace, identity.name) = ("agents", "planner-\(number)")
            identity.pod = .init(name: "planner-\(number)-7c9d", uid: "\(number)")
            identity.container = .init(id: "c\(number)", name: "main", type: "main")
            return WorkloadDescription(identity)
        }
        let process = ProcessDescription(id: "b-1-1", pid: 1, executable: "/usr/bin/python3.11")
        let events = workloads.flatMap { workload in (0..<facts).map { event($0, workload, process) } }
        // A second hour of the day, as all facts but those seen once have.
        let later = events.map { event in
            var event = event
            event.time += 3_600_000_000_000
            return event
        }
        let before = residentBytes()
        var table = ProfileTable(seed: 1, clock: ClockReading(boot: 1, wallOffset: Int64(events[0].time)))
        let clock = ContinuousClock()
        let new = clock.measure { for event in events { table.note(event) } }
        print("new fact: \(nanoseconds(new, events.count)) ns")
        var best = Duration.seconds(1000)
        for _ in 0..<5 { best = min(best, clock.measure { for event in later { table.note(event) } }) }
        print("repeated fact, looked for: \(nanoseconds(best, later.count)) ns")
        var places = later.map { _ in FactPlaces() }
        for index in later.indices { table.note(later[index], &places[index]) }
        best = .seconds(1000)
        // As it is where events are made: nobody else has them, and none is copied. Which fact is meant its places say.
        func repeated(_ subject: Int) {
            let event = later[subject * facts]
            for index in subject * facts..<(subject + 1) * facts { table.note(event, &places[index]) }
        }
        for _ in 0..<5 { best = min(best, clock.measure { for subject in 0..<subjects { repeated(subject) } }) }
        print("repeated fact: \(nanoseconds(best, later.count)) ns")
        // Of all subjects in turn, most of it comes from memory; what one does all the time is in the processor's caches.
        best = .seconds(1000)
        for _ in 0..<5 { best = min(best, clock.measure { for _ in 0..<subjects { repeated(0) } }) }
        print("repeated fact of one subject: \(nanoseconds(best, later.count)) ns")
        let settled = clock.measure { for profile in table.all { profile.settleRepeats() } }
        print("repeated fact, once anybody wants to know of it: \(nanoseconds(settled, later.count)) ns")
        print(
            "facts: \(table.factCount), \((residentBytes() - before) / 1024) KiB resident, \(table.bytes / 1024) KiB by its own account"
        )
        tick(&table, later)
    }

    private static func tick(_ table: inout ProfileTable, _ events: [Event]) {
        let clock = ContinuousClock()
        var told = table.takeChanged()
        _ = table.takeUnkept(told: told, facts: .max)
        for event in events.prefix(1000) { table.note(event) }
        let quiet = clock.measure { told = table.takeChanged() }
        print("a tick in which 1000 facts were counted again: \(quiet)")
        var (bytes, facts) = (0, 0)
        let written = clock.measure {
            for part in table.takeUnkept(told: told, facts: 6_000) {
                for page in part.pages {
                    let page = PostureProfile.with {
                        $0.facts = part.profile.facts(of: page).map(part.profile.message(of:))
                    }
                    facts += page.facts.count
                    bytes += (try? page.serializedBytes() as [UInt8])?.count ?? 0
                }
            }
        }
        print("writing down what has changed: \(written), \(facts) facts, \(bytes / max(facts, 1)) bytes each")
    }

    private static func event(
        _ number: Int, _ workload: WorkloadDescription, _ process: ProcessDescription
    ) -> Event {
        Event(
            sequence: UInt64(number + 1), time: 1_795_214_460_000_000_000, bootTime: 1, kind: .fileOpen,
            isFirstSeen: true,
            process: process, workload: workload,
            detail: .file(FileDetail(path: ByteString("/app/data/part/file-\(number * 7919).parquet"), access: .read)),
            via: .sysExit)
    }

    private static func nanoseconds(_ time: Duration, _ count: Int) -> Int64 {
        (time.components.seconds * 1_000_000_000 + time.components.attoseconds / 1_000_000_000) / Int64(count)
    }

    private static func residentBytes() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var (size, resident) = (0, 0)
        _ = withUnsafeMutablePointer(to: &size) { size in
            withUnsafeMutablePointer(to: &resident) { resident in
                withVaList([size, resident]) { vfscanf(file, "%ld %ld", $0) }
            }
        }
        return resident * Int(getpagesize())
    }
}
