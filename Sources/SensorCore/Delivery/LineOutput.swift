// SPDX-License-Identifier: Apache-2.0

/// Takes lines without making the caller wait.
package protocol LineOutput: AnyObject, Sendable {
    /// False while lines need not be made at all: they would find no room. True is no promise.
    var hasRoom: Bool { get }

    /// Counts lines as dropped that were not made since there was no room.
    func drop(lines: Int)

    /// Queues lines, each ended by a newline.
    ///
    /// - Returns: false if they found no room; they are then counted as dropped.
    @discardableResult
    func append(_ bytes: [UInt8], lines: Int) -> Bool
}

extension LineWriter: LineOutput {}
