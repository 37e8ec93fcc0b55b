// SPDX-License-Identifier: Apache-2.0

/// Tools, how often they were called, and what was done for them most.
struct ToolTable {
    let tools: [PostureSummary.Tool]
    /// The page is long enough when it has so many bytes.
    let bound: Int

    private static let effects = 4

    func write(to text: inout MarkupText) {
        text.markup(#"<table class="facts"><caption><b>tools</b>"#)
        text.words(" \(tools.count)")
        text.markup(
            """
            </caption><colgroup><col class="first"><col></colgroup><thead class="hidden"><tr><th scope="col">calls</th>\
            <th scope="col">tool and effects</th></tr></thead><tbody>
            """)
        var written = 0
        for tool in tools where written == 0 || text.count < bound {
            row(tool, &text)
            written += 1
        }
        text.markup("</tbody></table>")
        if written < tools.count {
            let rest = tools.count - written
            text.element(#"<p class="quiet">"#, "\(rest) more tools, for which this page has no room.", "</p>")
        }
    }

    private func row(_ tool: PostureSummary.Tool, _ text: inout MarkupText) {
        text.element(#"<tr><td class="count">"#, PageNumber.grouped(tool.calls) + "×", #"</td><td class="what">"#)
        text.name(tool.name, limit: 120)
        if tool.denied > 0 {
            text.element(#" <span class="chip denied">"#, "\(PageNumber.grouped(tool.denied)) denied", "</span>")
        }
        if tool.failed > 0 {
            text.element(#" <span class="chip failed">"#, "\(PageNumber.grouped(tool.failed)) failed", "</span>")
        }
        text.markup(#"<div class="quiet">"#)
        for (index, effect) in tool.effects.prefix(Self.effects).enumerated() {
            if index > 0 { text.words(" · ") }
            text.words("\(PageNumber.grouped(effect.count))× ")
            text.name("\(effect.kind) \(effect.what)", limit: 80)
        }
        if tool.effects.count > Self.effects { text.words(" · \(tool.effects.count - Self.effects) more") }
        if tool.effects.isEmpty { text.words("no effect known") }
        text.markup("</div></td></tr>")
    }
}
