// SPDX-License-Identifier: Apache-2.0

/// Corrects the chances of many tests, so that of what is then below a level no more than that share is expected to be chance
/// (Benjamini and Hochberg, 1995). If all is chance, that is the chance that anything is below it.
package enum FalseDiscovery {
    package static let name = "benjamini_hochberg"

    /// - Parameter families: sets of tests that are corrected each for itself and share the level.
    /// - Returns: in the order of `chances`.
    package static func corrected(_ chances: [Double], families: Int = 1) -> [Double] {
        let order = chances.indices.sorted { chances[$0] > chances[$1] }
        var corrected = chances
        var least = 1.0
        for (rank, index) in order.enumerated() {
            let factor = Double(families * chances.count) / Double(chances.count - rank)
            least = min(least, chances[index] * factor)
            corrected[index] = least
        }
        return corrected
    }
}
