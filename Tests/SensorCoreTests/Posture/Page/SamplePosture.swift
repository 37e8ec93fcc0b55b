// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf

@testable import SensorCore

/// Posture as a node would have learned it, made up.
struct SamplePosture {
    static let hour: UInt64 = 3_600_000_000_000
    /// A Monday, 00:00.
    static let start: UInt64 = 20_605 * 24 * hour

    var record = PostureRecord()
    private var share = PostureProfile()
    private var observed = HourSet()
    private var lossy = HourSet()
    private var random: SplitMix
    private let hours: UInt64

    init(_ name: String, hours: UInt64, seed: UInt64 = 1) {
        random = SplitMix(seed: seed)
        self.hours = hours
        record.schema = "posture.v1"
        record.node = "node-1"
        record.time = Google_Protobuf_Timestamp(nanosecondsSince1970: Self.start + hours * Self.hour)
        record.subject = PostureSubject(
            SubjectKey(
                namespace: "agents", group: "apps", kind: "Deployment", name: name, container: "main",
                containerType: "main"))
    }

    var now: UInt64 { Self.start + hours * Self.hour }

    /// It was watched in these hours since the start.
    mutating func watch(_ hours: Range<UInt64>) {
        for hour in hours { observed.insert(UInt32(Self.start / Self.hour + hour)) }
    }

    /// A rollout ran in these hours since the start.
    ///
    /// - Parameter isKnown: whether anybody knows in which of them it was watched.
    mutating func roll(_ revision: String, _ hours: Range<UInt64>, isKnown: Bool = true) {
        var observed = HourSet()
        for hour in hours where isKnown { observed.insert(UInt32(Self.start / Self.hour + hour)) }
        share.revisions.append(
            PostureRevision.with {
                $0.name = revision
                $0.firstSeen = Google_Protobuf_Timestamp(
                    nanosecondsSince1970: Self.start + hours.lowerBound * Self.hour)
                $0.lastSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: Self.start + hours.upperBound * Self.hour)
                $0.observed = PostureHours(observed)
            })
    }

    mutating func lose(_ hours: Range<UInt64>) {
        for hour in hours { lossy.insert(UInt32(Self.start / Self.hour + hour)) }
    }

    mutating func cover(_ discipline: String, _ state: String, of kind: String = "", why: String = "", lost: UInt64 = 0)
    {
        record.coverage.append(
            PostureCoverage.with {
                ($0.discipline, $0.kind, $0.state, $0.why, $0.container) = (discipline, kind, state, why, "c1")
                $0.from = Google_Protobuf_Timestamp(nanosecondsSince1970: Self.start)
                $0.to = record.time
                $0.observedSeconds = UInt64(observed.count) * 3600
                if lost > 0 {
                    $0.lost = [PostureLoss.with { ($0.hook, $0.reason, $0.count) = ("sys_exit", "ring_full", lost) }]
                }
            })
    }

    mutating func add(
        _ key: FactKey, _ qualifiers: FactQualifiers = FactQualifiers(), count: UInt64 = 1, from: UInt64 = 0,
        until: UInt64? = nil, attributed: [UInt64] = [], sent: UInt64 = 0, in revisions: [String] = []
    ) {
        var fact = PostureFact(key, qualifiers)
        fact.revisions = revisions
        fact.count = count
        (fact.bytesSent, fact.bytesReceived) = (sent, sent * 7)
        fact.firstSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: Self.start + from * Self.hour)
        fact.lastSeen = Google_Protobuf_Timestamp(
            nanosecondsSince1970: Self.start + (until ?? max(from, hours - 1)) * Self.hour)
        var sightings = Sightings()
        for hour in stride(from: from, through: until ?? max(from, hours - 1), by: 24) {
            sightings.note(hour: UInt32(Self.start / Self.hour + hour))
        }
        fact.sightings = PostureSightings(sightings)
        fact.replicas = ["\(record.subject.name)-7c9f-\(random.next() % 4)"]
        if attributed.count == 5 {
            fact.attribution = PostureAttribution.with {
                ($0.exact, $0.process, $0.argument) = (attributed[0], attributed[1], attributed[2])
                ($0.candidates, $0.window) = (attributed[3], attributed[4])
            }
        }
        share.facts.append(fact)
    }

    mutating func overflow(_ kind: FactKind, distinct: UInt64) {
        share.facts.append(
            PostureFact.with {
                ($0.discipline, $0.kind, $0.overflow) = (kind.discipline.name, kind.name, true)
                ($0.count, $0.distinct) = (distinct * 3, distinct)
                $0.firstSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: Self.start)
                $0.lastSeen = record.time
            })
    }

    var finished: PostureRecord {
        var share = share
        share.writer = record.node
        (share.observed, share.active) = (PostureHours(observed), PostureHours(observed))
        if !lossy.isEmpty { share.lossy = ["behavioral": PostureHours(lossy)] }
        var record = record
        record.profile = share
        return record
    }

    /// As `sensord posture --json` writes it.
    var line: String { ((try? finished.jsonString()) ?? "") + "\n" }

    var snapshot: SubjectSnapshot {
        get throws { try PostureSnapshot(Array(line.utf8), name: "sample").subjects[0] }
    }

    /// The hours of an office, and little at night; credentials then.
    var week: [FactKind: [UInt64]] {
        var random = SplitMix(seed: 5)
        let counts = (0..<168).map { hour -> UInt64 in
            let (day, time) = (hour / 24, hour % 24)
            if day == 6 && time < 9 || hour >= hours { return 0 }
            let isBusy = day < 5 && (8..<18).contains(time)
            return UInt64.random(in: isBusy ? 300...900 : 0...60, using: &random)
        }
        let nightly = (0..<168).map { hour -> UInt64 in hour < hours && hour % 24 == 2 ? 1 : 0 }
        return [.file: counts, .egress: counts.map { $0 / 3 }, .credential: nightly]
    }
}

extension SamplePosture {
    /// An agent after its first 30 hours.
    static var young: SamplePosture {
        var sample = SamplePosture("planner", hours: 30)
        sample.watch(6..<30)
        sample.cover("behavioral", "complete")
        sample.add(FactKey(.egress, "api.example.test", "443", "TCP"), count: 12, from: 7)
        sample.add(FactKey(.dns, "api.example.test", "A"), count: 12, from: 7)
        return sample
    }

    /// An agent after 25 days, of which one and a half were not watched.
    static func agent(_ name: String = "planner", seed: UInt64 = 1) -> SamplePosture {
        var sample = SamplePosture(name, hours: 600, seed: seed)
        sample.watch(5..<220)
        sample.watch(256..<600)
        sample.lose(300..<306)
        sample.cover("behavioral", "lossy", lost: 1204)
        sample.cover("identity", "complete")
        sample.cover("model", "complete")
        sample.cover("behavioral", "not_watched", of: "context", why: "known by the word of agents alone")
        sample.cover("behavioral", "blind", of: "file", why: "io_uring of a kernel before 5.17")
        sample.addBehaviour()
        sample.addIdentity()
        sample.overflow(.dns, distinct: 412)
        return sample
    }

    private mutating func addBehaviour() {
        for index in 0..<90 {
            let from = UInt64.random(in: 5..<(index < 70 ? 40 : 560), using: &random)
            add(
                FactKey(
                    .file, ByteString("/app/cache/\(random.next() % 97)/\(String(random.next(), radix: 16)).json"),
                    "READ"),
                count: .random(in: 1...900, using: &random), from: from)
        }
        for (index, host) in ["api.example.test", "vectors.example.test", "10.4.0.17", "registry.example.test"]
            .enumerated()
        {
            let from: UInt64 = index == 3 ? 570 : 6
            add(
                FactKey(.egress, ByteString(host), "443", "TCP"), count: UInt64(4000 >> index), from: from, sent: 81_234
            )
        }
        add(FactKey(.egress, "203.0.113.7", "8443", "TCP"), FactQualifiers(outcome: .denied), count: 3, from: 590)
        add(
            FactKey(.egress, "queue.example.test", "5672", "TCP"), FactQualifiers(outcome: .failed), count: 12, from: 90
        )
        add(FactKey(.ingress, "", "8080", "TCP"), count: 22_104, from: 5)
        for (program, arguments) in [
            ("/usr/bin/git", "clone {url}"), ("/bin/sh", "-c {word}"), ("/usr/bin/python3.11", "{path}"),
        ] {
            add(FactKey(.process, ByteString(program), ByteString(arguments), "/app/agent"), count: 88, from: 12)
        }
        add(FactKey(.syscall, "ptrace", "notable"), FactQualifiers(outcome: .denied), count: 2, from: 581)
        for (index, name) in ["read", "openat", "connect", "futex"].enumerated() {
            add(FactKey(.syscall, ByteString(name), ""), from: UInt64(5 + index))
        }
        let tools: [(String, String, UInt64)] = [
            ("read_file", "path:string", 4100), ("search_documents", "query:string,limit:number", 1900),
            ("run_tests", "target:string", 310), ("fetch_url", "url:string", 640), ("write_file", "path:string", 520),
        ]
        for (index, (tool, arguments, count)) in tools.enumerated() {
            add(
                FactKey(.tool, ByteString(tool), ByteString(arguments), "function"), count: count,
                from: UInt64(6 + index * 9))
            if index % 2 == 0 {
                add(
                    FactKey(.tool, ByteString(tool), ByteString(arguments), "function"),
                    FactQualifiers(outcome: .failed),
                    count: count / 40, from: 60)
            }
        }
        addEffects()
    }

    private mutating func addEffects() {
        let effects: [(String, String, String, UInt64, UInt64)] = [
            ("read_file", "file", "/app/data/orders.db", 2300, 0),
            ("read_file", "file", "/app/data/customers.db", 900, 300),
            ("search_documents", "egress", "vectors.example.test:443", 1900, 0),
            ("search_documents", "file", "/app/index/segments", 150, 450),
            ("run_tests", "process", "/usr/bin/python3.11", 310, 0),
            ("run_tests", "file", "/tmp/report.xml", 0, 610), ("fetch_url", "egress", "api.example.test:443", 410, 230),
            ("fetch_url", "dns", "api.example.test", 90, 0), ("write_file", "file", "/app/data/notes.md", 520, 0),
            ("run_tests", "file", "/root/.ssh/id_ed25519", 2, 0),
        ]
        for (tool, type, what, sure, unsure) in effects {
            add(
                FactKey(.effect, ByteString(tool), ByteString(type), ByteString(what), ""), count: sure + unsure,
                from: 9,
                attributed: [sure, 0, 0, unsure, 0])
        }
    }

    private mutating func addIdentity() {
        add(
            FactKey(.credential, "kubernetes_token", "/var/run/secrets/kubernetes.io/serviceaccount/token", "READ"),
            FactQualifiers(serviceAccount: "planner"), count: 480, from: 5)
        add(FactKey(.credential, "ssh_key", "/root/.ssh/id_ed25519", "READ"), count: 2, from: 588)
        add(FactKey(.identity, "setuid", "0:0", "1000:1000"), count: 4, from: 5)
        add(FactKey(.metadata, "instance", "169.254.169.254"), FactQualifiers(outcome: .denied), count: 1, from: 592)
        for library in ["libssl.so.3", "libcrypto.so.3", "libpython3.11.so.1.0", "libc.so.6"] {
            add(FactKey(.library, ByteString("/usr/lib/x86_64-linux-gnu/\(library)")), count: 31, from: 5)
        }
        add(FactKey(.model, "provider.test", "large-2", "large-2-0905"), count: 900, from: 7)
        add(FactKey(.catalog, "files", "stdio", "read_file", "path:string"), count: 12, from: 7)
    }
}
