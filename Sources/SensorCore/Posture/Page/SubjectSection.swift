// SPDX-License-Identifier: Apache-2.0

/// All that a page says of one subject.
struct SubjectSection {
    let subject: PostureDocument.Subject
    let summary: PostureSummary
    /// From 1 on.
    let number: Int
    /// Wall clock, nanoseconds since 1970.
    let now: UInt64
    let news: UInt64
    /// Bytes that it may take, about.
    let budget: Int

    func write(to text: inout MarkupText) {
        let bound = text.count + budget
        text.markup(#"<section id="s"#)
        text.number(number)
        text.markup(#"">"#)
        header(&text)
        convergence(&text)
        curves(&text)
        // What is drawn leaves some room for what is listed, however little there is.
        let listBound = max(bound, text.count + 4096)
        tools(listBound, &text)
        week(&text)
        for section in summary.sections {
            text.element("<h3>", section.discipline.name.capitalizedFirst, "</h3>")
            FactTables(section: section, now: now, news: news, bound: listBound).write(to: &text)
        }
        text.markup("<h3>Coverage</h3>")
        CoverageTable(subject.snapshot.coverage).write(to: &text)
        text.markup("</section>")
    }

    private func header(_ text: inout MarkupText) {
        let profile = subject.snapshot.profile
        text.markup("<header><h2>")
        text.name(profile.subject.workload, limit: 120)
        text.markup("</h2><p>")
        text.name(profile.subject.place, limit: 160)
        text.markup(#"</p><dl class="about">"#)
        let nodes = subject.snapshot.nodes
        if !nodes.isEmpty {
            text.element("<div><dt>", nodes.count == 1 ? "node" : "nodes", "</dt><dd>")
            text.name(nodes.prefix(4).joined(separator: ", "), limit: 160)
            if nodes.count > 4 { text.words(" and \(nodes.count - 4) more") }
            text.markup("</dd></div>")
        }
        text.markup("<div><dt>watched since</dt><dd>")
        if let first = profile.time.observed.firstHour {
            text.words(PageNumber.time(UInt64(first) * 3_600_000_000_000))
            text.words(", for \(PageNumber.hours(profile.time.observed.count))")
        } else {
            text.words("not known")
        }
        text.element("</dd></div><div><dt>as of</dt><dd>", PageNumber.time(subject.snapshot.time), "</dd></div>")
        if !summary.replicas.isEmpty {
            text.markup("<div><dt>replicas</dt><dd>")
            text.number(summary.replicas.count)
            text.markup("</dd></div>")
        }
        text.markup("</dl>")
        if profile.hasUnknownFacts {
            text.markup(#"<p class="quiet">It has facts of kinds that this version does not know.</p>"#)
        }
        text.markup("</header>")
    }

    private func convergence(_ text: inout MarkupText) {
        text.markup(
            """
            <table class="known"><caption class="hidden">How well it is known</caption><thead><tr>\
            <th scope="col">discipline</th><th scope="col">state</th><th scope="col" class="count">facts</th>\
            <th scope="col" class="count">new this week</th>\
            <th scope="col" class="count wide">not seen yet</th><th scope="col" class="count wide">known share</th>\
            <th scope="col" class="count wide">days observed</th></tr></thead><tbody>
            """)
        for section in summary.sections {
            let estimate = section.convergence
            text.element(#"<tr><th scope="row">"#, section.discipline.name, "</th><td>")
            StateChip(estimate).write(to: &text)
            text.markup(#"</td><td class="count">"#)
            text.number(section.facts)
            text.markup(#"</td><td class="count">"#)
            text.number(section.newFacts)
            text.element(#"</td><td class="count wide">"#, unseen(estimate.facts), #"</td><td class="count wide">"#)
            text.words(section.facts == 0 ? "–" : "\(Int((estimate.coverage * 100).rounded(.down))) %")
            text.markup(#"</td><td class="count wide">"#)
            text.number(estimate.effectiveDays)
            text.markup("</td></tr>")
        }
        text.markup("</tbody></table>")
    }

    private func unseen(_ facts: Chao2) -> String {
        if facts.seen == 0 { return "–" }
        let range = "\(PageNumber.decimal(facts.unseenLow))–\(PageNumber.decimal(facts.unseenHigh))"
        return facts.unseenHigh.isFinite ? "\(PageNumber.decimal(facts.unseen)) (\(range))" : "not known"
    }

    private func curves(_ text: inout MarkupText) {
        let profile = subject.snapshot.profile
        text.markup(#"<h3>Discovery</h3><div class="curves">"#)
        for section in summary.sections {
            let found = Discovery.all(of: profile.facts.filter { $0.key.key.kind.discipline == section.discipline })
            text.element("<figure><figcaption><b>", section.discipline.name, "</b> ")
            text.words(
                found.count == section.facts
                    ? "\(section.facts) facts" : "\(section.facts) facts, \(found.count) with made-up names as one")
            text.markup("</figcaption>")
            let hour = Sightings.hour(of: now)
            if let points = DiscoveryPoints(found, profile.time, section.discipline, at: hour) {
                DiscoveryPlot(points: points, discipline: section.discipline).write(to: &text)
            } else {
                text.markup(#"<p class="quiet">Nothing was watched.</p>"#)
            }
            text.markup("</figure>")
        }
        text.markup(
            """
            </div><p class="key"><span><i class="box unwatched-box"></i>not watched, or nothing ran</span> \
            <span><i class="box partly-box"></i>for some of the time</span> \
            <span><i class="box lossy-box"></i>with losses</span></p>
            """)
    }

    private func tools(_ bound: Int, _ text: inout MarkupText) {
        let map = EffectMap(subject.snapshot.profile.facts)
        if map == nil, summary.tools.isEmpty { return }
        text.markup("<h3>Tools and their effects</h3>")
        if let map { EffectPlot(map: map).write(to: &text) }
        if !summary.tools.isEmpty { ToolTable(tools: summary.tools, bound: bound).write(to: &text) }
    }

    private func week(_ text: inout MarkupText) {
        let weeks = WeekHours.of(subject.hoursOfWeek, subject.snapshot.profile.time.observed)
        if weeks.isEmpty { return }
        text.markup(#"<h3>Hours of the week</h3><div class="curves">"#)
        for week in weeks.prefix(Self.weekLimit) {
            text.element("<figure><figcaption><b>", week.kind.name, "</b> ")
            text.words("\(PageNumber.grouped(week.total)) times, up to \(PageNumber.grouped(week.most)) in an hour")
            text.markup("</figcaption>")
            WeekPlot(week: week).write(to: &text)
            text.markup("</figure>")
        }
        text.markup("</div>")
        WeekPlot.writeKey(to: &text)
        let others = weeks.dropFirst(Self.weekLimit)
        if others.isEmpty { return }
        let names = others.map { "\($0.kind.name) (\(PageNumber.grouped($0.total)))" }.joined(separator: ", ")
        text.element(#"<p class="quiet">"#, "Done more seldom: \(names).", "</p>")
    }

    /// Kinds whose hours are drawn.
    private static let weekLimit = 6
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
