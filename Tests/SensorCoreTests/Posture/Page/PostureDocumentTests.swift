// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SensorTestSupport
import Testing

@testable import SensorCore

/// Posture as a page.
@Suite struct PostureDocumentTests {
    private func page(_ samples: [SamplePosture], at now: UInt64? = nil) throws -> String {
        let subjects = try samples.map { PostureDocument.Subject(try $0.snapshot, hoursOfWeek: $0.week) }
        return PostureDocument(subjects, at: now ?? samples.first?.now ?? 0).html
    }

    @Test func `the same subjects and time give the same bytes, in any order`() throws {
        let samples = [SamplePosture.agent("planner"), SamplePosture.agent("coder", seed: 2)]
        let page = try page(samples)
        #expect(try self.page(samples.reversed()) == page)
        #expect(try self.page(samples) == page)
    }

    @Test func `a page says what is known, what is new and what was not seen`() throws {
        let page = try page([.agent()])
        for words in [
            "<title>Posture of Deployment/planner</title>", "<bdi>agents · main</bdi>", "for 23.3 days",
            "about 412 others that there was no room to tell apart", #"<span class="chip denied">denied</span>"#,
            #"<span class="chip failed">failed</span>"#, #"<span class="chip new">new</span>"#, "one of several calls",
            "Not all of it was seen", "lost 1\u{202f}204 at ", "known by the word of agents alone",
        ] {
            #expect(page.contains(words), "\(words)")
        }
    }

    @Test func `of the hours of the week the kinds done most are drawn, each by itself, and the others are named`()
        throws
    {
        var subject = PostureDocument.Subject(try SamplePosture.agent().snapshot)
        let kinds: [FactKind] = [.file, .egress, .process, .dns, .tool, .effect, .credential, .ingress]
        for (place, kind) in kinds.enumerated() {
            subject.hoursOfWeek[kind] = (0..<168).map { UInt64($0 % 24 == place ? 100 - place : 0) }
        }
        let page = PostureDocument([subject], at: SamplePosture.agent().now).html
        #expect(page.ranges(of: #"<div class="week">"#).count == 6)
        #expect(page.contains("<b>effect</b> 665 times, up to 95 in an hour"))
        #expect(page.contains("Done more seldom: credential (658), ingress (651)."))
        #expect(page.ranges(of: "little to most of its kind").count == 1)
        // Six pictures take little room.
        let start = try #require(page.firstRange(of: "Hours of the week"))
        let end = try #require(page.firstRange(of: "<h3>Behavioral"))
        #expect(page[start.upperBound..<end.lowerBound].utf8.count < 12_000)
    }

    @Test func `nothing on it comes from elsewhere`() throws {
        let page = try page([.agent()])
        for word in ["http:", "https:", "<script", "<link", "<img", "@import", "src=", "javascript:"] {
            #expect(!page.contains(word), "\(word)")
        }
        #expect(page.contains("default-src 'none'; style-src 'unsafe-inline'"))
    }

    @Test(arguments: [
        "<script>alert(1)</script>", #""><img src=x onerror=alert(1)>"#, "' onload='x", "&lt;b&gt;", "</title></style>",
        "a\u{202e}txt.exe", "\u{2066}x\u{2069}", "\u{1b}[31m", "]]>", "<!--", "url(javascript:x)", "\u{0}",
        String(repeating: "<", count: 1024),
    ])
    func `a hostile name is text wherever it stands`(_ name: String) throws {
        var sample = SamplePosture(name, hours: 50)
        sample.watch(0..<50)
        sample.record.node = name
        sample.record.subject.namespace = name
        sample.record.subject.kind = name
        sample.record.subject.container = name
        let text = ByteString(name)
        for kind in FactKind.allCases where kind != .sequence {
            sample.add(
                FactKey(kind, kind.fields.map { _ in text }),
                FactQualifiers(serviceAccount: name, initiatorKind: name, agent: name), attributed: [1, 0, 0, 0, 0])
        }
        for _ in 0..<4 { sample.add(FactKey(.file, ByteString("/x/\(name)/a"), text)) }
        sample.cover(name, name, of: name, why: name)
        let hostile = try page([sample])
        // A page of the same shape, without any of it.
        let markup = hostile.matches(of: /<[a-zA-Z!\/][^>]*>/).map { String($0.0) }
        let allowed = try page([.agent()]).matches(of: /<[a-zA-Z!\/][^>]*>/).map { String($0.0) }
        let elements = Set(allowed.map(Self.tag))
        #expect(markup.allSatisfy { elements.contains(Self.tag($0)) })
        #expect(!hostile.contains("onerror=alert(1)>") && !hostile.contains("<script"))
        for scalar in hostile.unicodeScalars {
            let isHidden = scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
            #expect(!isHidden || scalar == "\n", "U+\(String(scalar.value, radix: 16))")
        }
    }

    private static func tag(_ markup: String) -> String {
        String(markup.prefix { $0 != " " && $0 != ">" })
    }

    @Test func `what is no UTF-8 is shown as such and breaks nothing`() throws {
        var sample = SamplePosture("planner", hours: 50)
        sample.add(FactKey(.file, ByteString(Array("/tmp/".utf8) + [0xff, 0xfe, 0x3c]), "READ"))
        let page = try page([sample])
        #expect(page.contains("/tmp/\u{fffd}\u{fffd}&lt;"))
    }

    @Test func `ten thousand facts stay a page`() throws {
        var sample = SamplePosture("planner", hours: 600)
        sample.watch(0..<600)
        for number in 0..<10_000 {
            sample.add(
                FactKey(.process, ByteString("/opt/\(number)/" + String(repeating: "&", count: 60)), "", ""),
                from: UInt64(number % 600))
        }
        let page = try page([sample])
        #expect(page.utf8.count < 2_500_000)
        #expect(page.contains("for which this page has no room"))
    }

    @Test func `many subjects share the room there is, those beyond are named`() throws {
        let samples = (0..<30).map { SamplePosture.agent("planner-\($0)", seed: UInt64($0)) }
        // A tenth of what a page has for ten times as many.
        var settings = PostureDocument.Settings()
        (settings.size, settings.sections) = (settings.size / 10, 25)
        let subjects = try samples.map { PostureDocument.Subject(try $0.snapshot, hoursOfWeek: $0.week) }
        let page = PostureDocument(subjects, at: samples[0].now, settings: settings).html
        #expect(page.utf8.count < 1_000_000)
        #expect(page.contains("5 workloads are only in this list") && page.contains(#"id="s25""#))
        #expect(!page.contains(#"id="s26""#) && page.contains("Deployment/planner-9"))
    }

    @Test func `no subject is a page too`() throws {
        #expect(try page([]).contains("Nothing is known."))
    }

    /// For `Tests/Page/check.py`: into the directory that SENSORD_PAGES names, if it does.
    @Test func `pages are written for a browser to check`() throws {
        let own = try TestDirectory()
        let directory = ProcessInfo.processInfo.environment["SENSORD_PAGES"] ?? own.path
        var hostile = SamplePosture.agent(#"</title><script>x</script>" onload='"#)
        hostile.add(FactKey(.file, ByteString("/" + String(repeating: "W", count: 1020)), "READ"), count: 90_000)
        hostile.add(FactKey(.dns, ByteString("\u{202e}\u{2066}" + String(repeating: "<b>", count: 200)), "A"))
        let many = (0..<40).map { SamplePosture.agent("planner-\($0)", seed: UInt64($0)) }
        let pages: [(String, [SamplePosture])] = [
            ("one", [.agent()]), ("young", [.young]), ("hostile", [hostile]), ("many", many), ("none", []),
        ]
        for (name, samples) in pages {
            try SmallFile.replace("\(directory)/\(name).html", with: Array(try page(samples).utf8))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).count == pages.count)
    }
}
