// SPDX-License-Identifier: Apache-2.0

/// The compiled eBPF programs that this binary carries.
package enum ObjectImage: String, Sendable, CaseIterable {
    /// Walks kernel structures by typed pointers: cheapest, and refused by old verifiers.
    case direct
    /// The same programs with probe reads only: loads on the kernel floor, 5.10.
    case floor

    /// The ELF object's bytes, as `bpf_object__open_mem` takes them.
    ///
    /// Decoded anew by each call, since one process loads one object, once.
    package func bytes() -> [UInt8] {
        let digits = hexadecimal
        return [UInt8](unsafeUninitializedCapacity: digits.utf8CodeUnitCount / 2) { bytes, count in
            for index in 0..<digits.utf8CodeUnitCount / 2 {
                let high = Self.value(of: digits.utf8Start[2 * index])
                let low = Self.value(of: digits.utf8Start[2 * index + 1])
                bytes.initializeElement(at: index, to: high << 4 | low)
            }
            count = digits.utf8CodeUnitCount / 2
        }
    }

    private var hexadecimal: StaticString {
        switch self {
        case .direct: EmbeddedObjects.direct
        case .floor: EmbeddedObjects.floor
        }
    }

    /// The value of a lower-case hexadecimal digit, which is all that the build writes.
    private static func value(of digit: UInt8) -> UInt8 {
        digit < UInt8(ascii: "a") ? digit & 0xf : digit - UInt8(ascii: "a") + 10
    }
}
