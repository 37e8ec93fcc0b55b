// SPDX-License-Identifier: Apache-2.0

import SensorCore
import SwiftProtobuf

/// Thirty days of a node with 250 subjects, at a tick of ten seconds: how long it takes to live through them again, and how much is
/// told and kept meanwhile.
///
/// A subject has 500 things that it does, the n-th of them with a frequency of 1/n, and acts in one tick of twenty; nightly jobs only
/// from two to four. Every week a rollout adds ten things, once.
struct Month: ~Copyable {
    private static let subjects = 250
    private static let facts = 500
    private static let tick: UInt64 = 10_000_000_000
    private static let days: UInt64 = 30
    private static let start: UInt64 = 1_795_219_200_000_000_000

    private var random = Random(state: 1)
    private var table: ProfileTable
    private let workloads: [[WorkloadDescription]]
    private let process = ProcessDescription(id: "b-1-1", pid: 1, executable: "/usr/bin/python3.11")
    private let frequencies: [Double]
    private var (told, toldBytes, toldWire, profiles, profileBytes) = (0, 0, 0, 0, 0)
    private var (kept, keptBytes, events) = (0, 0, 0)

    static func run() {
        var month = Month()
        let start = ContinuousClock.now
        month.live()
        month.report(start.duration(to: .now))
    }

    private init() {
        table = ProfileTable(seed: 1, stream: "month", clock: ClockReading(boot: 1, wallOffset: Int64(Self.start)))
        workloads = (0..<Self.subjects).map { number in
            (0..<5).map { revision in
                var identity = WorkloadIdentity(kind: number % 10 == 0 ? "CronJob" : "Deployment")
                (identity.namespace, identity.name, identity.revision) = ("agents", "planner-\(number)", "\(revision)")
                identity.pod = .init(name: "planner-\(number)-\(revision)-7c9d", uid: "\(number)")
                identity.container = .init(id: "c\(number)-\(revision)", name: "main", type: "main")
                return WorkloadDescription(identity)
            }
        }
        var sum = 0.0
        frequencies = (1...Self.facts).map { rank in
            sum += 1 / Double(rank)
            return sum
        }
    }

    private mutating func live() {
        for boot in stride(from: Self.tick, to: Self.days * 86_400_000_000_000, by: Int(Self.tick)) {
            let hour = boot / 3_600_000_000_000
            let week = Int(hour / (7 * 24))
            table.tick(ClockReading(boot: boot, wallOffset: Int64(Self.start)))
            for number in 0..<Self.subjects where number % 10 != 0 || (2..<4).contains(hour % 24) {
                let workload = workloads[number][week]
                table.observe(workload, elapsed: Self.tick, announcesCalls: false)
                guard random.next() % 20 == 0 else { continue }
                for _ in 0..<3 { table.note(event(rank(), workload, at: boot)) }
                if random.next() % 500 == 0 {
                    table.note(event(Self.facts + 10 * week + Int(random.next() % 10), workload, at: boot))
                }
                events += 3
            }
            tell()
        }
    }

    private mutating func tell() {
        let told = table.takeChanged(limit: 2_000)
        for (profile, facts) in told {
            let message = PostureFacts.with {
                $0.facts = facts.map(profile.message(of:))
                $0.writer = profile.writer
            }
            self.told += facts.count
            toldBytes += (try? message.jsonUTF8Bytes() as [UInt8])?.count ?? 0
            toldWire += (try? message.serializedBytes() as [UInt8])?.count ?? 0
        }
        for part in table.takeUnkept(told: told, facts: 6_000) {
            for page in part.pages {
                kept += 1
                // Each is as dear as any other: a hundredth will do.
                guard kept % 100 == 0 else { continue }
                let message = PostureProfile.with {
                    $0.facts = part.profile.facts(of: page).map(part.profile.message(of:))
                }
                keptBytes += (try? message.serializedBytes() as [UInt8])?.count ?? 0
            }
        }
        guard let due = table.takeDue() else { return }
        let message = due.message()
        var shared = SharedProfile(due.subject)
        shared.merge(message)
        _ = ProfileAssessment(shared, at: table.clock.now)
        profiles += 1
        profileBytes += (try? message.serializedBytes() as [UInt8])?.count ?? 0
    }

    private func report(_ time: Duration) {
        let subjectDays = Self.subjects * Int(Self.days)
        print("\(Self.days) days of \(Self.subjects) subjects: \(time), \(events) events, \(table.factCount) facts")
        print(
            "told of a subject and day: \(told / subjectDays) facts, \(toldBytes / subjectDays) bytes of JSON, \(toldWire / subjectDays) of protobuf; and a profile of \(profileBytes / max(profiles, 1)) bytes"
        )
        print("kept: \(kept) pages, about \(100 * keptBytes >> 20) MiB")
    }

    private func event(_ number: Int, _ workload: WorkloadDescription, at boot: UInt64) -> Event {
        Event(
            sequence: 1, time: Self.start + boot, bootTime: boot, kind: .fileOpen, isFirstSeen: true, process: process,
            workload: workload,
            detail: .file(FileDetail(path: ByteString("/app/data/part/file-\(number * 7919).parquet"), access: .read)),
            via: .sysExit)
    }

    private mutating func rank() -> Int {
        let wanted = Double(random.next() >> 11) / Double(1 << 53 as UInt64) * (frequencies.last ?? 0)
        var (low, high) = (0, frequencies.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if frequencies[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// SplitMix64.
    private struct Random {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
            return mixed ^ mixed >> 31
        }
    }
}
