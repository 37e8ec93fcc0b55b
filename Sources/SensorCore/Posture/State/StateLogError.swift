// SPDX-License-Identifier: Apache-2.0

/// Why a state directory cannot be used. Nothing in it has been changed.
package struct StateLogError: Error, Equatable, CustomStringConvertible {
    package enum Reason: Equatable, Sendable {
        /// Another process has it; its id is in the lock's file.
        case locked(lock: String, process: String)
        /// Somebody else owns it or could write to it, or it is no directory.
        case untrusted(String)
        /// A later version has written it.
        case newer(file: String, layout: UInt32)
        case system(String, errno: Int32)
    }

    package var directory: String
    package var reason: Reason

    package init(_ directory: String, _ reason: Reason) {
        self.directory = directory
        self.reason = reason
    }

    init(_ directory: String, _ error: SystemError) {
        self.init(directory, .system(error.operation, errno: error.number))
    }

    package var description: String {
        switch reason {
        case .locked(let lock, let process):
            "another daemon (process \(process)) has \(directory), as \(lock) says: stop it or choose --state-dir"
        case .untrusted(let why): "\(directory) cannot be trusted: \(why)"
        case .newer(let file, let layout):
            "\(directory)/\(file) has layout \(layout), this program knows \(LogFrame.layout): run the newer version or "
                + "choose another --state-dir"
        case .system(let operation, let number): SystemError(operation, number: number).description
        }
    }
}
