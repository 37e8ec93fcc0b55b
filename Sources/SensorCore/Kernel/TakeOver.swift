// SPDX-License-Identifier: Apache-2.0

/// What was found of an earlier run in the kernel, where programs are pinned.
package enum TakeOver: Sendable, Equatable {
    /// Its programs go on, and what has gathered since is to be read.
    ///
    /// - Parameters:
    ///   - since: when the rings were last looked at, boot clock, ns.
    ///   - isLeft: that run took its leave. Otherwise it was killed, and what it had counted is not known.
    case taken(since: UInt64, isLeft: Bool)
    /// It had to be taken out, with all that has gathered.
    ///
    /// - Parameters:
    ///   - since: when the rings were last looked at, boot clock, ns; nil: not known.
    ///   - why: as a phrase.
    case replaced(since: UInt64?, why: String)
}
