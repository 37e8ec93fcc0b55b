// SPDX-License-Identifier: Apache-2.0

/// A setting that cannot be taken, and where it was given.
package struct SettingsError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Where a setting comes from, strongest first.
    package enum Origin: Sendable, Equatable {
        case flag
        case environment
        /// - Parameter line: `nil` where the file could not be read.
        case file(path: String, line: Int?)
    }

    package var origin: Origin
    /// As it is spelled there: `--tick`, `SENSORD_TICK`, `tick`. `nil`: the file as a whole.
    package var name: String?
    package var reason: String

    package init(origin: Origin, name: String?, reason: String) {
        self.origin = origin
        self.name = name
        self.reason = reason
    }

    package var description: String {
        switch origin {
        case .flag, .environment: [name, reason].compactMap { $0 }.joined(separator: ": ")
        case .file(let path, let line):
            [path + (line.map { ":\($0)" } ?? ""), name, reason].compactMap { $0 }.joined(separator: ": ")
        }
    }
}
