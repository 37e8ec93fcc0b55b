// SPDX-License-Identifier: Apache-2.0

/// Takes lines without making the caller wait.
package protocol LineOutput: AnyObject, Sendable {
    /// Queues lines, each ended by a newline.
    ///
    /// - Returns: false if they found no room; they are then counted as dropped.
    @discardableResult
    func append(_ bytes: [UInt8], lines: Int) -> Bool
}

extension LineWriter: LineOutput {}
