// SPDX-License-Identifier: Apache-2.0

/// A name from whoever is watched, so that nothing of it is hidden: what has no picture, or turns the reading
/// direction, is written out, and what is too long says so.
///
/// It is not escaped for any markup.
package struct VisibleText: Sendable, Equatable {
    package let text: String

    /// - Parameter limit: characters that are shown, at least 8.
    package init(_ raw: String, limit: Int = 240) {
        if raw.utf8.count <= limit, raw.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) {
            text = raw
            return
        }
        let scalars = Array(raw.unicodeScalars)
        guard scalars.count > limit else {
            text = Self.shown(scalars[...])
            return
        }
        // The end of a path, where the name is, says most.
        let head = limit / 3
        text =
            Self.shown(scalars.prefix(head)) + " … " + Self.shown(scalars.suffix(limit - head))
            + " (\(raw.utf8.count) bytes)"
    }

    private static func shown(_ scalars: ArraySlice<Unicode.Scalar>) -> String {
        var text = ""
        var marks = 0
        for scalar in scalars {
            marks = scalar.properties.canonicalCombiningClass == .notReordered ? 0 : marks + 1
            // More of them on one letter than any script has cover the lines around it.
            if hasPicture(scalar), marks <= 3 {
                text.unicodeScalars.append(scalar)
            } else {
                let digits = String(scalar.value, radix: 16, uppercase: true)
                text += "⟨U+\(String(repeating: "0", count: max(0, 4 - digits.count)))\(digits)⟩"
            }
        }
        return text
    }

    private static func hasPicture(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7f { return scalar.value >= 0x20 }
        // No name looks like what another is written as.
        if scalar == "⟨" { return false }
        switch scalar.properties.generalCategory {
        // Format characters are the ones that turn the direction, join, or are tags.
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: return false
        case .spaceSeparator: return false
        default: return !scalar.properties.isDefaultIgnorableCodePoint
        }
    }
}
