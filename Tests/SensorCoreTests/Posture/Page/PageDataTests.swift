// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

/// What the drawings of a page are made of.
@Suite struct PageDataTests {
    private static let first = UInt32(SamplePosture.start / SamplePosture.hour)

    @Test func `a curve rises where facts were first seen, and says where nothing could be seen`() throws {
        var sample = SamplePosture("a", hours: 10)
        sample.watch(2..<4)
        sample.watch(6..<10)
        sample.lose(8..<9)
        for (index, hour) in [2, 2, 3, 7].enumerated() {
            sample.add(FactKey(.dns, ByteString("\(index).test"), "A"), from: UInt64(hour))
        }
        let profile = try sample.snapshot.profile
        let points = try #require(
            DiscoveryPoints(Discovery.all(of: profile.facts), profile.time, .behavioral, at: Self.first + 9))
        #expect(points.start == Self.first && points.step == 1 && points.columns.count == 10)
        #expect(points.columns.map(\.known) == [0, 0, 2, 3, 3, 3, 3, 4, 4, 4])
        #expect(points.runs(of: .none) == [0..<2, 4..<6] && points.runs(of: .lossy) == [8..<9])
        #expect(DiscoveryPoints([], ObservedTimes(), .model, at: Self.first) == nil)
    }

    @Test func `a long time takes no more columns, and none of it is left out`() throws {
        var sample = SamplePosture("a", hours: 3000)
        sample.watch(0..<2990)
        sample.add(FactKey(.dns, "a.test", "A"), from: 2999, until: 2999)
        let profile = try sample.snapshot.profile
        let points = try #require(
            DiscoveryPoints(Discovery.all(of: profile.facts), profile.time, .behavioral, at: Self.first + 2999))
        #expect(points.columns.count <= DiscoveryPoints.limit && points.end > Self.first + 2999)
        #expect(points.known == 1 && points.columns.first?.watch == .whole && points.columns.last?.watch != .whole)
    }

    @Test func `hours of the week that were never watched are not zero`() throws {
        var observed = HourSet()
        observed.insert(Self.first)
        observed.insert(Self.first + 25)
        var counts = [UInt64](repeating: 0, count: 168)
        (counts[25], counts[30]) = (9, 4)
        let weeks = WeekHours.of([.file: counts, .dns: [1, 2], .tool: counts.map { _ in 0 }], observed)
        #expect(weeks.map(\.kind) == [.file])
        let week = try #require(weeks.first)
        #expect(week.counts[0] == 0 && week.counts[1] == nil && week.counts[25] == 9 && week.counts[30] == 4)
        #expect(week.level(1) == nil && week.level(0) == 0 && week.level(25) == 5 && week.level(30) == 4)
        #expect(WeekHours.name(25) == "Tue 01:00" && WeekHours.of([:], observed).isEmpty)
    }

    @Test func `each kind has its own rhythm, however much there is of others`() throws {
        var (files, calls) = ([UInt64](repeating: 0, count: 168), [UInt64](repeating: 0, count: 168))
        (files[9], files[10], files[40], calls[40]) = (1_000_000, 1_000_000, 1, 3)
        let weeks = WeekHours.of([.tool: calls, .file: files], HourSet())
        #expect(weeks.map(\.kind) == [.file, .tool] && weeks.map(\.total) == [2_000_001, 3])
        #expect(weeks.map { $0.level(40) } == [1, 5] && weeks.map { $0.level(9) } == [5, nil])
        var text = MarkupText()
        WeekPlot(week: weeks[0]).write(to: &text)
        // Two hours on end are one stroke.
        #expect(text.text.contains(#"<path class="h5" d="M91 5h18"/>"#))
        #expect(text.text.contains("file by hour of the week, UTC. Most on Mon 09:00: 1000000 times."))
    }

    @Test func `what could be of several calls is told apart from what is of one`() throws {
        var sample = SamplePosture("a", hours: 5)
        for number in 0..<20 {
            sample.add(
                FactKey(.effect, ByteString("tool \(number)"), "egress", ByteString("\(number % 15).test:443"), ""),
                count: 10,
                attributed: [3, 1, 1, 4, 0])
        }
        sample.add(
            FactKey(.effect, "tool 0", "file", "/root/.ssh/id_rsa", "READ"), count: 1, attributed: [1, 0, 0, 0, 0])
        let map = try #require(EffectMap(try sample.snapshot.profile.facts))
        #expect(map.tools.count == 9 && map.tools.last?.others == 12)
        #expect(map.effects.count == 13 && map.effects.last?.others == 4)
        #expect(map.effects.first == EffectMap.Node(name: "file /root/.ssh/id_rsa", isSensitive: true))
        #expect(map.bands.reduce(0) { $0 + $1.count } == 201 && map.bands.reduce(0) { $0 + $1.unsure } == 80)
    }

    @Test func `nothing of a name is hidden`() {
        let cases: [(String, String)] = [
            ("/a b", "/a b"), ("a\u{202e}b", "a⟨U+202E⟩b"), ("\u{0}\n", "⟨U+0000⟩⟨U+000A⟩"), ("é漢", "é漢"),
            ("⟨U+202E⟩", "⟨U+27E8⟩U+202E⟩"),
            ("\u{200b}\u{feff}\u{e0001}", "⟨U+200B⟩⟨U+FEFF⟩⟨U+E0001⟩"),
            ("e\u{301}\u{302}\u{303}\u{304}", "e\u{301}\u{302}\u{303}⟨U+0304⟩"),
        ]
        for (raw, shown) in cases { #expect(VisibleText(raw).text == shown) }
        #expect(VisibleText(String(repeating: "a", count: 90) + "end", limit: 9).text == "aaa … aaaend (93 bytes)")
    }

    @Test func `numbers are for people`() {
        #expect(PageNumber.grouped(1_234_567) == "1\u{202f}234\u{202f}567" && PageNumber.grouped(12) == "12")
        #expect(
            PageNumber.decimal(3.14) == "3.1" && PageNumber.decimal(-0.01) == "0"
                && PageNumber.decimal(.infinity) == "∞")
        #expect(PageNumber.time(SamplePosture.start + 61_000_000_000) == "2026-06-01 00:01 UTC")
    }

    @Test func `of what has no known beginning the page says until when it may be`() {
        var book = CoverageBook()
        book.damage(at: SamplePosture.start)
        var text = MarkupText()
        CoverageTable(book.messages()).write(to: &text)
        #expect(text.text.contains("until 2026-06-01") && !text.text.contains("1970"))
    }
}
