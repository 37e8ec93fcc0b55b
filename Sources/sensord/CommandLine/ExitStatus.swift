// SPDX-License-Identifier: Apache-2.0

/// How the process ends, for scripts.
enum ExitStatus {
    static let success: Int32 = 0
    static let failure: Int32 = 1
    /// A flag is wrong; the message names it.
    static let usage: Int32 = 2
    /// The message names the capability.
    static let notPermitted: Int32 = 77
    /// The message names file, line and key.
    static let badConfiguration: Int32 = 78
    /// With `-- CMD`: it is not the command that failed.
    static let ownFailure: Int32 = 125
    static let notExecutable: Int32 = 126
    static let notFound: Int32 = 127
    static let interrupted: Int32 = 130

    /// As a shell counts: a process that a signal ended has 128 + signal.
    static func of(waitStatus status: Int32) -> Int32 {
        let signal = status & 0x7f
        return signal == 0 ? status >> 8 & 0xff : 128 + signal
    }
}

/// Why a command cannot go on: what to say, and how to end.
struct CommandFailure: Error, Equatable {
    var status: Int32
    /// One line for a person, in lower case, without the program's name.
    var message: String
}
