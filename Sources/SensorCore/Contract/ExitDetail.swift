// SPDX-License-Identifier: Apache-2.0

/// How a process ended.
package struct ExitDetail: Sendable, Equatable {
    /// Exit status, 0...255; without meaning if a signal ended the process.
    package var code: Int32
    /// The signal that ended it, 0 if none.
    package var signal: Int32
    package var dumpedCore: Bool

    package init(code: Int32, signal: Int32 = 0, dumpedCore: Bool = false) {
        self.code = code
        self.signal = signal
        self.dumpedCore = dumpedCore
    }
}
