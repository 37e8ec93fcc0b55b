// SPDX-License-Identifier: Apache-2.0

/// A system call as such.
package struct SyscallDetail: Sendable, Equatable {
    /// A string that the caller passed: its own word, not a path that was resolved.
    package struct StringArgument: Sendable, Equatable {
        /// What it is to the call: `source`, `target`, `path`, …
        package var name: String
        /// Redacted.
        package var value: ByteString

        package init(_ name: String, _ value: ByteString) {
            self.name = name
            self.value = value
        }
    }

    /// As the kernel's table has it; empty for a number that this version does not know.
    package var name: String
    package var number: UInt32
    /// What it returned, or the negative errno; `nil` if not seen.
    package var result: Int64?
    /// As the registers held them; empty if not wanted.
    package var arguments: [UInt64]
    /// Those of the arguments that are strings and say what the call was about, in their order.
    package var strings: [StringArgument]
    /// The file that a descriptor among the arguments leads to, from the kernel's object; `nil` if the call has none.
    package var path: ByteString?

    package init(
        name: String, number: UInt32, result: Int64? = nil, arguments: [UInt64] = [],
        strings: [StringArgument] = [], path: ByteString? = nil
    ) {
        self.name = name
        self.number = number
        self.result = result
        self.arguments = arguments
        self.strings = strings
        self.path = path
    }
}
