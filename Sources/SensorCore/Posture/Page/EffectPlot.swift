// SPDX-License-Identifier: Apache-2.0

/// The map of tools and effects as a picture: tools to the left, effects to the right, bands as wide as their counts.
///
/// Names stand beside the drawing, not in it: they keep their size when it gets narrow.
struct EffectPlot {
    let map: EffectMap

    /// Pixels: of all bands together, of the least one, of a name's line, between two names.
    private static let (scale, least, line, gap) = (240.0, 2.0, 32.0, 4.0)

    func write(to text: inout MarkupText) {
        let left = layout(map.tools.indices.map { tool in map.bands.filter { $0.tool == tool } })
        let right = layout(map.effects.indices.map { effect in map.bands.filter { $0.effect == effect } })
        text.markup(#"<div class="map"><ul class="end">"#)
        names(map.tools, left.heights, "other tools", &text)
        text.markup(#"</ul><svg preserveAspectRatio="none" role="img" viewBox="0 0 100 "#)
        let height = max(left.height, right.height)
        text.coordinate(height)
        text.markup(#"" height=""#)
        text.coordinate(height)
        text.markup(#""><title>"#)
        text.words(
            "Effects by tool: \(map.tools.count) tools, \(map.effects.count) kinds of effects, "
                + "\(map.bands.count) bands. The same numbers are in the table of tools.")
        text.markup("</title>")
        bands(left.starts, right.starts, &text)
        bars(left, 0, &text)
        bars(right, 98, &text)
        text.markup("</svg><ul>")
        names(map.effects, right.heights, "other effects", &text)
        text.markup(
            """
            </ul></div><p class="key"><span><i class="box sure-box"></i>joined to one call</span> \
            <span><i class="box unsure-box"></i>one of several calls (candidates, or by time alone)</span></p>
            """)
    }

    private struct Layout {
        /// Of the names.
        var heights: [Double] = []
        /// Where the bands of a name begin, and how much room they take.
        var starts: [Double] = []
        var rooms: [Double] = []
        var height = 0.0
    }

    private func layout(_ nodes: [[EffectMap.Band]]) -> Layout {
        var layout = Layout()
        for bands in nodes {
            let room = bands.reduce(0) { $0 + width($1.sure) + width($1.unsure) }
            let height = max(Self.line, room)
            if !layout.heights.isEmpty { layout.height += Self.gap }
            layout.heights.append(height)
            layout.starts.append(layout.height + (height - room) / 2)
            layout.rooms.append(room)
            layout.height += height
        }
        return layout
    }

    private func width(_ count: UInt64) -> Double {
        if count == 0 { return 0 }
        let sum = map.bands.reduce(0.0) { $0 + Double($1.count) }
        return max(Self.least, (Double(count) / max(1, sum) * Self.scale * 10).rounded() / 10)
    }

    private func names(_ nodes: [EffectMap.Node], _ heights: [Double], _ others: String, _ text: inout MarkupText) {
        for (node, height) in zip(nodes, heights) {
            text.markup(node.isSensitive ? #"<li class="sensitive" style="height:"# : #"<li style="height:"#)
            text.coordinate(height)
            text.markup(#"px"><span>"#)
            if let count = node.others {
                text.words("\(others) (\(count))")
            } else {
                text.name(node.name, limit: 72)
            }
            text.markup("</span></li>")
        }
    }

    private func bars(_ layout: Layout, _ x: Double, _ text: inout MarkupText) {
        text.markup(#"<path class="bar" d=""#)
        for (start, room) in zip(layout.starts, layout.rooms) {
            text.path("M", x, start)
            text.path("H", x + 2)
            text.path("V", start + room)
            text.path("H", x)
            text.markup("Z")
        }
        text.markup(#""/>"#)
    }

    private func bands(_ left: [Double], _ right: [Double], _ text: inout MarkupText) {
        var (left, right) = (left, right)
        for band in map.bands {
            for (count, open) in [
                (band.sure, #"<path class="sure" d=""# as StaticString), (band.unsure, #"<path class="unsure" d=""#),
            ] where count > 0 {
                let (from, to, width) = (left[band.tool], right[band.effect], width(count))
                text.markup(open)
                text.path("M", 2, from)
                text.path("C", 50, from, 50, to, 98, to)
                text.path("V", to + width)
                text.path("C", 50, to + width, 50, from + width, 2, from + width)
                text.markup(#"Z"/>"#)
                left[band.tool] += width
                right[band.effect] += width
            }
        }
    }
}
