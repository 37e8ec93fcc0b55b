// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Why the kernel side cannot be had, or not as asked.
package struct KernelError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure it is. More may be added.
    package struct Code: Hashable, Sendable {
        private let name: String

        /// A capability is missing; `missingCapability` names it. The command line exits 77.
        package static let notPermitted = Code(name: "not_permitted")
        /// This kernel lacks something without which nothing works.
        package static let unsupported = Code(name: "unsupported")
        /// The eBPF object is not what the daemon expects: a build gone wrong.
        package static let badObject = Code(name: "bad_object")
        /// The kernel refused the object as a whole.
        package static let loadFailed = Code(name: "load_failed")
        /// A setting is out of its bounds.
        package static let badSetting = Code(name: "bad_setting")
        /// A system call failed that should not.
        package static let systemCall = Code(name: "system_call")
    }

    package var code: Code
    /// For a person: what failed and, where something can be done, what.
    package var message: String
    /// The errno behind it, 0 if there is none.
    package var errorNumber: Int32
    /// For `notPermitted`: for example `CAP_BPF`.
    package var missingCapability: String?
    /// The last lines the kernel's verifier or libbpf said, if any.
    package var log: String?

    package init(
        _ code: Code, _ message: String, errorNumber: Int32 = 0, missingCapability: String? = nil, log: String? = nil
    ) {
        self.code = code
        self.message = message
        self.errorNumber = errorNumber
        self.missingCapability = missingCapability
        self.log = log
    }

    package var description: String {
        errorNumber == 0 ? message : "\(message): \(Self.text(ofErrno: errorNumber))"
    }

    /// A failed system call, from `errno` as it is now.
    static func systemCall(_ what: String) -> KernelError {
        KernelError(.systemCall, what, errorNumber: errno)
    }

    /// What the C library says of an errno.
    static func text(ofErrno number: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
            guard let text = buffer.baseAddress, strerror_r(number, text, buffer.count) == 0 else {
                return "error \(number)"
            }
            return "\(String(cString: text)) (\(number))"
        }
    }
}
