// SPDX-License-Identifier: Apache-2.0

/// A system call as such.
package struct SyscallDetail: Sendable, Equatable {
    /// As the kernel's table has it; empty for a number that this version does not know.
    package var name: String
    package var number: UInt32
    /// What it returned, or the negative errno; `nil` if not seen.
    package var result: Int64?
    /// As the registers held them; empty if not wanted.
    package var arguments: [UInt64]

    package init(name: String, number: UInt32, result: Int64? = nil, arguments: [UInt64] = []) {
        self.name = name
        self.number = number
        self.result = result
        self.arguments = arguments
    }
}
