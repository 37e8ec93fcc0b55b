// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import Testing

@testable import SensorCore

@Suite struct ProfileTableTests {
    private static let hour: UInt64 = 3_600_000_000_000
    private static let start: UInt64 = 20_000 * 24 * hour

    private func table(_ change: (inout ProfileTable.Limits) -> Void = { _ in }) -> ProfileTable {
        var limits = ProfileTable.Limits()
        change(&limits)
        return ProfileTable(limits: limits, seed: 1, stream: "s", clock: reading(0))
    }

    private func reading(_ boot: UInt64) -> ClockReading { ClockReading(boot: boot, wallOffset: Int64(Self.start)) }

    private func workload(_ name: String, kind: String = "Deployment") -> WorkloadDescription {
        var identity = WorkloadIdentity(kind: kind)
        identity.name = name
        identity.container = .init(id: name, name: kind == "Container" ? "" : "main")
        return WorkloadDescription(identity)
    }

    private func opened(_ path: String, _ workload: WorkloadDescription, at boot: UInt64 = 1) -> Event {
        Event(
            sequence: 1, time: Self.start + boot, bootTime: boot, kind: .fileOpen, isFirstSeen: true,
            workload: workload, detail: .file(FileDetail(path: ByteString(path), access: .read)), via: .sysExit)
    }

    /// What a log would hold of it all.
    private func keep(
        _ table: inout ProfileTable, in values: inout [ShareKey: PostureProfile], limit: Int = .max
    ) -> Int {
        let told = table.takeChanged(limit: limit)
        for part in table.takeUnkept(told: told, facts: limit) {
            let subject = part.profile.subject
            if part.hasHeader { values[ShareKey(subject)] = part.profile.header() }
            for page in part.pages {
                var share: PostureProfile?
                if page < part.profile.pageCount {
                    share = PostureProfile.with {
                        $0.facts = part.profile.facts(of: page).map(part.profile.keptMessage)
                        $0.writer = part.profile.writer
                    }
                }
                values[ShareKey(subject, page: page)] = share
            }
        }
        return told.reduce(0) { $0 + $1.facts.count }
    }

    private func shares(_ values: [ShareKey: PostureProfile]) throws -> [KeptShare] {
        let records = try values.map { key, profile in
            let record = PostureRecord.with {
                $0.schema = PostureRecord.currentSchema
                $0.time = Google_Protobuf_Timestamp(nanosecondsSince1970: Self.start + Self.hour)
                $0.subject = PostureSubject(key.subject)
                $0.profile = profile
            }
            return (key: key.bytes, bytes: try record.serializedBytes() as [UInt8])
        }
        let gathered = KeptShare.gather(records)
        #expect(gathered.unknown == 0)
        return gathered.shares
    }

    @Test func `what is told at a tick is kept at the same tick, however little is kept besides`() throws {
        var table = table()
        let workloads = (0..<20).map { workload("w\($0)") }
        for workload in workloads { for number in 0..<90 { table.note(opened("/\(number)", workload)) } }
        var values: [ShareKey: PostureProfile] = [:]
        var told = 0
        for _ in 0..<40 {
            told += keep(&table, in: &values, limit: 100)
            let kept = values.values.reduce(0) { $0 + $1.facts.count }
            #expect(kept >= told)
        }
        #expect(told == 1800)
        let restoredShares = try shares(values)
        var next = self.table()
        next.restore(restoredShares, damaged: [], wasKilled: false)
        let (subjects, facts) = (next.count, next.factCount)
        #expect(subjects == 20 && facts == 1800)
        for workload in workloads {
            let subject = SubjectKey(workload.identity)
            let (one, other) = (table.profile(of: subject), next.profile(of: subject))
            #expect(one?.writer == other?.writer && one != nil)
            #expect(one?.message() == other?.message())
        }
    }

    @Test func `what was kept and not told yet is told after a restart, and nothing else`() throws {
        var table = table()
        let one = workload("w")
        for number in 0..<90 { table.note(opened("/\(number)", one)) }
        var values: [ShareKey: PostureProfile] = [:]
        _ = keep(&table, in: &values)
        // There is room to keep all of it, and to tell what is on one page.
        for number in 90..<180 { table.note(opened("/\(number)", one)) }
        let told = table.takeChanged(limit: 32)
        let subject = SubjectKey(one.identity)
        for part in table.takeUnkept(told: told, facts: .max) {
            for page in part.pages {
                values[ShareKey(subject, page: page)] = PostureProfile.with {
                    $0.facts = part.profile.facts(of: page).map(part.profile.keptMessage)
                    $0.writer = part.profile.writer
                }
            }
        }
        var next = self.table()
        next.restore(try shares(values), damaged: [], wasKilled: true)
        let rest = next.takeChanged().flatMap(\.facts)
        #expect(Set(rest).isDisjoint(with: told.flatMap(\.facts)) && rest.min() ?? 0 >= 90)
        #expect(rest.count + told.flatMap(\.facts).count == 90)
        let again = next.takeChanged().count
        #expect(again == 0)
    }

    @Test func `a page that is gone leaves the others to be kept anew, and none beyond them`() throws {
        var table = table()
        let one = workload("w")
        for number in 0..<101 { table.note(opened("/\(number)", one)) }
        var values: [ShareKey: PostureProfile] = [:]
        _ = keep(&table, in: &values)
        values[ShareKey(SubjectKey(one.identity), page: 1)] = nil
        var next = self.table()
        next.restore(try shares(values), damaged: [], wasKilled: false)
        _ = keep(&next, in: &values)
        #expect(values.keys.compactMap(\.page).sorted() == [0, 1, 2])
        let kept = values.values.reduce(0) { $0 + $1.facts.count }
        #expect(kept == 69)
        let rows = next.profile(of: SubjectKey(one.identity))?.coverage.messages() ?? []
        #expect(rows.contains { $0.lost.first?.reason == "state_damaged" })
    }

    @Test func `pages that an earlier writer has left behind are not counted as the later one's, and go`() throws {
        var table = table()
        let one = workload("w")
        for number in 0..<70 { table.note(opened("/\(number)", one)) }
        var values: [ShareKey: PostureProfile] = [:]
        _ = keep(&table, in: &values)
        // As where there was no room to restore it: it begins anew, over its first page.
        var other = ProfileTable(seed: 1, stream: "t", clock: reading(5))
        other.note(opened("/0", one, at: 6))
        _ = keep(&other, in: &values)
        let share = try #require(try shares(values).first)
        #expect(share.pages.map(\.number) == [0] && share.stalePages == [1, 2])
        var next = self.table()
        next.restore([share], damaged: [], wasKilled: false)
        let facts = next.factCount
        #expect(facts == 1)
        _ = keep(&next, in: &values)
        #expect(values.keys.compactMap(\.page) == [0])
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `what is counted again is what is looked for anew, whoever asks in between`(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        var one = table()
        var other = table()
        let workload = workload("w")
        var places = [FactPlaces](repeating: FactPlaces(), count: 40)
        var boot: UInt64 = 1
        for _ in 0..<600 {
            boot += random.next() % (Self.hour / 10)
            let number = Int.random(in: 0..<40, using: &random)
            // Some come late.
            let late = min(boot - 1, random.next() % (Self.hour / 2))
            let event = opened("/\(number)", workload, at: boot - late)
            one.note(event, &places[number])
            other.note(event)
            switch random.next() % 50 {
            case 0:
                let (told, alike) = (one.takeChanged(), other.takeChanged())
                #expect(told.first?.facts == alike.first?.facts)
            case 1:
                let subject = SubjectKey(workload.identity)
                let known = min(1, one.factCount - 1)
                let (message, alike) = (one.profile(of: subject), other.profile(of: subject))
                #expect(message?.message(of: known) == alike?.message(of: known))
            default: break
            }
        }
        let subject = SubjectKey(workload.identity)
        let (message, alike) = (one.profile(of: subject)?.message(), other.profile(of: subject)?.message())
        #expect(message?.facts == alike?.facts && message?.facts.isEmpty == false)
        #expect(message?.active == alike?.active && message?.exercise == alike?.exercise)
    }

    @Test func `more than can wait is counted at once`() {
        var table = table()
        var places = FactPlaces()
        var event = opened("/a", workload("w"))
        table.note(event, &places)
        event.count = UInt64(UInt32.max)
        for _ in 0..<3 { table.note(event, &places) }
        event.count = 1 << 40
        table.note(event, &places)
        let count = table.profile(of: SubjectKey(event.workload.identity))?.message(of: 0).count
        #expect(count == 1 + 3 * UInt64(UInt32.max) + 1 << 40)
    }

    @Test func `of more that run than there is room for, those that are known stay`() {
        var table = table { $0.subjects = 3 }
        let workloads = (0..<5).map { workload("w\($0)") }
        for round in 1...5 as ClosedRange<UInt64> {
            table.tick(reading(round))
            for workload in workloads { table.observe(workload, elapsed: 1, announcesCalls: false) }
            let gone = table.takeReleased()
            #expect(gone.isEmpty)
        }
        let counts = [table.count, Int(table.released)]
        #expect(counts == [3, 0])
    }

    @Test func `while it is closed what is known counts on, and all else is counted together`() throws {
        var table = table()
        let (known, other) = (workload("known"), workload("other"))
        table.note(opened("/a", known))
        table.isClosed = true
        for path in ["/a", "/b", "/c"] { table.note(opened(path, known)) }
        table.note(opened("/a", other))
        let before = [table.count, table.factCount, Int(table.refused)]
        #expect(before == [1, 1, 1])
        let found = table.profile(of: SubjectKey(known.identity))
        let profile = try #require(found)
        let (facts, overflow) = (profile.message().facts, profile.overflow[.file])
        #expect(facts.map(\.count).sorted() == [2, 2] && overflow?.count == 2 && overflow?.distinct.estimate == 2)
        table.isClosed = false
        table.note(opened("/b", known))
        table.tick(reading(Self.hour))
        table.note(opened("/a", other))
        let after = [table.count, table.factCount]
        #expect(after == [2, 3])
    }

    @Test func `what there is no room for after a restart stays as it was kept, and is learned on once there is`()
        throws
    {
        var table = table()
        let workloads = (0..<4).map { workload("w\($0)") }
        for workload in workloads { for number in 0..<40 { table.note(opened("/\(number)", workload)) } }
        var values: [ShareKey: PostureProfile] = [:]
        _ = keep(&table, in: &values)
        let kept = try shares(values)
        let before = values
        let later = 2 * Self.hour
        var next = self.table { $0.subjects = 3 }
        next.restore(kept, damaged: [SubjectKey(workloads[3].identity)], wasKilled: false)
        var counts = [next.count, next.waitingCount]
        #expect(counts == [3, 1])
        // All others run.
        for round in 1...3 as ClosedRange<UInt64> {
            next.tick(reading(later + round))
            for workload in workloads.prefix(3) { next.observe(workload, elapsed: 1, announcesCalls: false) }
            next.note(opened("/new", workloads[3], at: later + round))
        }
        var wanted = next.takeWanted()
        #expect(wanted.isEmpty && next.refused == 3)
        _ = keep(&next, in: &values)
        let subject = SubjectKey(workloads[3].identity)
        for (key, profile) in before where key.subject == subject { #expect(values[key] == profile) }
        // One is gone, and makes room.
        for round in 4...6 as ClosedRange<UInt64> {
            next.tick(reading(later + round))
            for workload in workloads[1...2] { next.observe(workload, elapsed: 1, announcesCalls: false) }
        }
        next.note(opened("/new", workloads[3], at: later + 6))
        wanted = next.takeWanted()
        #expect(wanted == [subject])
        let gone = next.takeReleased().map(\.subject.name)
        #expect(gone == ["w0"])
        next.restore(waiting: kept.filter { wanted.contains($0.subject) }, asked: wanted)
        next.note(opened("/new", workloads[3], at: later + 7))
        let (one, other) = (table.profile(of: subject), next.profile(of: subject))
        let profile = try #require(other)
        #expect(profile.count == 41 && profile.writer == one?.writer)
        let reasons = Set(profile.coverage.messages().flatMap(\.lost).map(\.reason))
        #expect(reasons == ["subjects_limit", "state_damaged"] && profile.hours.lossy.count == 3)
        counts = [next.count, next.waitingCount, next.takeReleased().count]
        #expect(counts == [3, 0, 0])
    }

    @Test func `those that were kept last are restored first, and of what is gone nothing is waited for`() throws {
        var table = table { $0.subjects = 1 }
        let (early, late) = (workload("a"), workload("b"))
        var kept: [KeptShare] = []
        for (time, workload) in [(1, early), (2, late)] as [(UInt64, WorkloadDescription)] {
            let subject = SubjectKey(workload.identity)
            let record = PostureRecord.with {
                $0.schema = PostureRecord.currentSchema
                $0.time = Google_Protobuf_Timestamp(nanosecondsSince1970: Self.start + time)
                $0.profile.writer = workload.identity.name
            }
            kept += KeptShare.gather([(ShareKey(subject).bytes, try record.serializedBytes())]).shares
        }
        table.restore(kept, damaged: [], wasKilled: false)
        let restored = table.all.map(\.writer)
        #expect(restored == ["b"])
        for round in 10...12 as ClosedRange<UInt64> { table.tick(reading(round)) }
        table.note(opened("/a", early, at: 12))
        let wanted = table.takeWanted()
        #expect(wanted == [SubjectKey(early.identity)])
        table.restore(waiting: [], asked: wanted)
        table.note(opened("/a", early, at: 13))
        let writers = table.all.map(\.writer)
        #expect(writers.count == 1 && writers[0] != "a" && writers[0] != "b")
    }

    @Test func `what was damaged says so when there is room for it at last`() throws {
        var table = table { $0.subjects = 1 }
        let (first, second) = (workload("a"), workload("b"))
        let subjects = [first, second].map { SubjectKey($0.identity) }
        table.restore([], damaged: Set(subjects), wasKilled: false)
        let counts = [table.count, table.waitingCount]
        #expect(counts == [1, 1])
        for round in 10...12 as ClosedRange<UInt64> { table.tick(reading(round)) }
        table.note(opened("/a", second, at: 12))
        let wanted = table.takeWanted()
        #expect(wanted == [subjects[1]])
        table.restore(waiting: [], asked: wanted)
        let found = table.profile(of: subjects[1])
        let profile = try #require(found)
        #expect(profile.coverage.messages().contains { $0.lost.first?.reason == "state_damaged" })
    }

    @Test func `what is counted again is written a page at a time`() {
        var table = table()
        let one = workload("w")
        for number in 0..<320 { table.note(opened("/\(number)", one)) }
        var values: [ShareKey: PostureProfile] = [:]
        _ = keep(&table, in: &values)
        #expect(values.count == 11)
        values = [:]
        table.note(opened("/40", one))
        table.note(opened("/41", one))
        _ = keep(&table, in: &values)
        #expect(values.keys.map(\.page) == [1])
    }

    @Test func `a subject that is gone makes room for another, is told once more, and comes back as another writer`()
        throws
    {
        var table = table { $0.subjects = 3 }
        let workloads = (0..<4).map { workload("w\($0)") }
        for (number, workload) in workloads.prefix(3).enumerated() {
            table.note(opened("/a", workload, at: UInt64(number)))
        }
        _ = table.takeChanged()
        table.note(opened("/b", workloads[0], at: 4))
        table.tick(reading(5))
        // Two of them run.
        for workload in [workloads[0], workloads[2]] { table.observe(workload, elapsed: 1, announcesCalls: false) }
        let first = table.profile(of: SubjectKey(workloads[1].identity))
        let writer = try #require(first).writer
        // Whoever ran at the tick before may still be seen at this one.
        table.note(opened("/c", workloads[3], at: 5))
        let refused = table.refused
        #expect(refused == 1)
        table.tick(reading(6))
        for workload in [workloads[0], workloads[2]] { table.observe(workload, elapsed: 1, announcesCalls: false) }
        table.note(opened("/a", workloads[3], at: 6))
        var counts = [table.count, Int(table.refused), Int(table.released)]
        #expect(counts == [3, 1, 1])
        let absent = table.profile(of: SubjectKey(workloads[1].identity))
        #expect(absent == nil)
        let (gone, more) = (table.takeReleased(), table.takeReleased())
        #expect(gone.map(\.subject.name) == ["w1"] && more.isEmpty)
        // All others run.
        table.tick(reading(7))
        for workload in [workloads[0], workloads[2], workloads[3]] {
            table.observe(workload, elapsed: 1, announcesCalls: false)
        }
        table.note(opened("/a", workloads[1], at: 8))
        counts = [table.count, Int(table.refused)]
        #expect(counts == [3, 2])
        table.tick(reading(9))
        table.tick(reading(10))
        table.note(opened("/a", workloads[1], at: 10))
        let second = table.profile(of: SubjectKey(workloads[1].identity))
        let back = try #require(second)
        #expect(back.writer != writer && back.message().facts[0].count == 1)
    }

    @Test func `a name that does not come again makes room before one that lasts`() {
        var table = table { $0.subjects = 3 }
        table.note(opened("/a", workload("monthly", kind: "CronJob"), at: 1))
        for (number, id) in ["0123456789ab", "1123456789ab"].enumerated() {
            table.note(opened("/a", workload(id, kind: "Container"), at: UInt64(2 + number)))
        }
        for (number, id) in ["2123456789ab", "3123456789ab"].enumerated() {
            table.tick(reading(UInt64(10 + 2 * number)))
            table.tick(reading(UInt64(11 + 2 * number)))
            table.note(opened("/a", workload(id, kind: "Container"), at: UInt64(11 + 2 * number)))
        }
        let gone = table.takeReleased().map(\.subject)
        #expect(gone.map(\.kind) == ["Container", "Container"])
        let names = table.all.map(\.subject.kind).sorted()
        #expect(names == ["Container", "Container", "CronJob"])
    }

    @Test func `when a span says that its call was is no part of any history`() throws {
        var table = table()
        let workload = workload("w")
        let now = 60 * 24 * Self.hour
        table.tick(reading(now))
        var call = ToolCallDetail(id: "c", name: "exfil", session: "s", scope: "none")
        call.span = ToolCallSpan(
            traceID: "1", spanID: "2", service: "", agentName: "", agentID: "", agentVersion: "", assurance: .claimed)
        var event = opened("/a", workload, at: now - 50 * 24 * Self.hour)
        (event.kind, event.detail) = (.toolCallBegin, .toolCall(call))
        table.note(event)
        event.kind = .toolCallEnd
        table.note(event)
        let profile = try #require(table.all.first)
        let fact = try #require(profile.message().facts.first { $0.kind == "tool" || $0.key.name == "exfil" })
        #expect(fact.firstSeen.nanosecondsSince1970 == Self.start + now)
        let hour = Sightings.hour(of: Self.start + now)
        #expect(profile.hours.active.firstHour == hour && profile.hours.observed.firstHour == hour)
    }

    @Test func `a clock that was a year ahead leaves nothing that keeps the days that come out`() throws {
        var table = table()
        let workload = workload("w")
        func live(_ boot: UInt64) {
            table.tick(reading(boot))
            table.observe(workload, elapsed: 1, announcesCalls: false)
            table.note(opened("/a", workload, at: boot))
        }
        for hour in 0..<48 as Range<UInt64> { live(hour * Self.hour) }
        // A year, which is believed after an hour.
        let year = 366 * 24 * Self.hour
        var boot = 48 * Self.hour
        func ahead(_ boot: UInt64) -> ClockReading {
            ClockReading(boot: boot, wallOffset: Int64(Self.start + year))
        }
        for _ in 0..<3 {
            table.tick(ahead(boot))
            table.observe(workload, elapsed: 1, announcesCalls: false)
            var event = opened("/a", workload, at: boot)
            event.time += year
            table.note(event)
            boot += Self.hour
        }
        let far = Sightings.hour(of: Self.start + year)
        let observed = try #require(table.all.first).hours.observed
        #expect(try #require(observed.firstHour) >= far, "it was believed")
        for _ in 0..<30 {
            live(boot)
            boot += Self.hour
        }
        let profile = try #require(table.all.first)
        let hour = Sightings.hour(of: Self.start + boot - Self.hour)
        #expect(profile.hours.observed.contains(hour) && profile.hours.active.contains(hour))
        #expect(profile.hours.observed.days?.upperBound == UInt16(hour / 24))
        let fact = try #require(profile.message().facts.first)
        #expect(fact.count == 48 + 3 + 30)
        #expect(fact.sightings.latestDay == hour / 24 && fact.days.latestDay == hour / 24)
        #expect(fact.lastSeen.nanosecondsSince1970 == Self.start + boot - Self.hour)
        let rows = profile.coverage.messages()
        #expect(!rows.isEmpty && rows.allSatisfy { $0.to.nanosecondsSince1970 <= Self.start + boot })
    }

    @Test func `a pod's own cgroup is a subject once something is done in it`() {
        var table = table()
        var identity = WorkloadIdentity(kind: "Deployment")
        identity.name = "planner"
        identity.pod = .init(name: "planner-1", uid: "1")
        let workload = WorkloadDescription(identity)
        table.observe(workload, elapsed: Self.hour, announcesCalls: false)
        #expect(table.count == 0)
        table.note(opened("/a", workload))
        table.observe(workload, elapsed: Self.hour, announcesCalls: false)
        let profile = table.profile(of: SubjectKey(identity))
        #expect(profile?.count == 1 && profile?.coverage.messages().isEmpty == false)
        #expect(table.count == 1)
    }

    @Test func `a small change is told when it is time, a large one at once, and each once`() {
        var table = table { $0.refresh = Self.hour }
        let workload = workload("planner")
        func told() -> [Int] { table.takeChanged().flatMap(\.facts) }
        // On three pages.
        for number in 0..<70 { table.note(opened("/\(number)", workload)) }
        #expect(told() == Array(0..<70))
        #expect(told() == [])
        for _ in 0..<9 { table.note(opened("/5", workload)) }
        #expect(told() == [5])
        for number in [5, 40, 69] { table.note(opened("/\(number)", workload)) }
        // Of 10 one more is little, of one it is much.
        #expect(told() == [40, 69])
        table.tick(reading(Self.hour - 2_000_000_000))
        #expect(told() == [])
        table.note(opened("/6", workload, at: Self.hour - 1))
        #expect(told() == [6])
        table.tick(reading(Self.hour + 2_000_000_000))
        #expect(told() == [5])
        #expect(told() == [])
    }

    @Test func `a small change from before the clock was set back does not wait until it is there again`() {
        var table = table { $0.refresh = Self.hour }
        let workload = workload("planner")
        for _ in 0..<10 { table.note(opened("/a", workload)) }
        _ = table.takeChanged()
        table.note(opened("/a", workload))
        #expect(table.takeChanged().isEmpty)
        table.tick(ClockReading(boot: 1, wallOffset: Int64(Self.start - 30 * 24 * Self.hour)))
        table.tick(ClockReading(boot: 2 * Self.hour, wallOffset: Int64(Self.start - 30 * 24 * Self.hour)))
        #expect(table.takeChanged().map(\.facts) == [[0]])
    }

    @Test func `what has not run for long is let go; a container without a lasting name after an hour`() {
        var table = table()
        table.note(opened("/a", workload("web")))
        table.note(opened("/a", workload("0123456789ab", kind: "Container")))
        table.tick(reading(Self.hour - 10))
        var gone = table.takeReleased().map(\.subject.kind)
        #expect(gone == [])
        table.tick(reading(Self.hour + 10))
        gone = table.takeReleased().map(\.subject.kind)
        #expect(gone == ["Container"])
        for day in 1...31 as ClosedRange<UInt64> { table.tick(reading(day * 24 * Self.hour)) }
        gone = table.takeReleased().map(\.subject.kind)
        #expect(gone == ["Deployment"])
    }

    @Test(arguments: [true, false])
    func `a pod of a sandbox's class, and what runs a virtual machine, are blind and learn nothing for certain`(
        _ isByClass: Bool
    ) throws {
        var table = table()
        var identity = workload("w").identity
        identity.pod = .init(name: "w-1", uid: "u")
        if isByClass { identity.pod?.runtimeClass = "gvisor" }
        let one = WorkloadDescription(identity)
        table.note(opened("/a", one))
        if !isByClass {
            var event = opened("/a", one)
            (event.kind, event.detail) = (.processExec, .none)
            event.process = ProcessDescription(id: "p", pid: 7, executable: "/usr/bin/qemu-system-x86_64")
            table.note(event)
        }
        table.tick(reading(10))
        table.observe(one, elapsed: 10, announcesCalls: false)
        let known = table.profile(of: SubjectKey(identity))
        let profile = try #require(known)
        let row = try #require(profile.coverage.messages().first { $0.discipline == "behavioral" && $0.kind.isEmpty })
        #expect(row.state == "blind" && row.why.contains(isByClass ? "RuntimeClass gvisor" : "qemu-system-x86_64"))
        #expect(profile.hours.lossy[.behavioral]?.contains(Sightings.hour(of: Self.start)) == true)
        // What is known is not written down each time.
        profile.keep(pages: 0..<8, header: true)
        table.observe(one, elapsed: 10, announcesCalls: false)
        #expect(!profile.unkept.hasHeader)
        // The other containers of the pod are in it as well.
        identity.container = .init(id: "x", name: "other")
        let other = WorkloadDescription(identity)
        table.observe(other, elapsed: 10, announcesCalls: false)
        let beside = table.profile(of: SubjectKey(identity))
        #expect(beside?.coverage.messages().first?.state == "blind")
    }

    @Test func `after a kill what is kept in turns may be missing since all was kept last`() throws {
        var table = table()
        let (one, other) = (workload("one"), workload("other"))
        func live() {
            for number in 0..<64 { table.note(opened("/\(number)", one)) }
            table.note(opened("/a", other))
        }
        live()
        var values: [ShareKey: PostureProfile] = [:]
        _ = keep(&table, in: &values)
        var until = table.keptUntil
        #expect(until == Self.start)
        table.tick(reading(20))
        _ = table.takeUnkept(told: [], facts: .max)
        until = table.keptUntil
        #expect(until == Self.start + 20)
        // For some of it there is no time.
        live()
        for boot in [30, 40] as [UInt64] {
            table.tick(reading(boot))
            _ = table.takeUnkept(told: [], facts: 32)
            until = table.keptUntil
            #expect(until == Self.start + 20)
        }
        var next = self.table()
        next.restore(try shares(values), damaged: [], wasKilled: true, keptUntil: until)
        for workload in [one, other] {
            let known = next.profile(of: SubjectKey(workload.identity))
            let rows = try #require(known).coverage.messages().filter { $0.lost.first?.reason == "killed" }
            #expect(!rows.isEmpty && rows.allSatisfy { $0.from.nanosecondsSince1970 == Self.start + 20 })
        }
        table.tick(reading(50))
        _ = table.takeUnkept(told: [], facts: .max)
        until = table.keptUntil
        #expect(until == Self.start + 50)
    }

    @Test func `after a kill the hour is lossy and coverage says since when; what was damaged says so`() throws {
        var table = table()
        let (one, other) = (workload("one"), workload("other"))
        table.note(opened("/a", one))
        var values: [ShareKey: PostureProfile] = [:]
        _ = keep(&table, in: &values)
        var next = self.table()
        next.restore(try shares(values), damaged: [SubjectKey(other.identity)], wasKilled: true)
        let known = next.profile(of: SubjectKey(one.identity))
        let profile = try #require(known)
        #expect(profile.hours.lossy.count == 3)
        let rows = profile.coverage.messages()
        #expect(rows.count { $0.lost.first?.reason == "killed" && $0.state == "lossy" } == 3)
        #expect(rows[0].from.nanosecondsSince1970 == Self.start + Self.hour)
        let unknown = next.profile(of: SubjectKey(other.identity))
        let damaged = try #require(unknown)
        #expect(damaged.coverage.messages().contains { $0.lost.first?.reason == "state_damaged" })
    }
}
