// SPDX-License-Identifier: Apache-2.0

/// The compiled eBPF programs that this binary carries.
package enum ObjectImage: String, Sendable, CaseIterable {
    /// Walks kernel structures by typed pointers: cheapest, and refused by old verifiers.
    case direct
    /// The same for tracepoints that can be preempted: each has its program twice, and none is preempted while it works.
    case held
    /// The same programs with probe reads only: loads on the kernel floor, 5.10.
    case floor

    /// Those that may serve a kernel, the best one first.
    ///
    /// - Parameter release: as uname(2) tells it.
    package static func candidates(release: String) -> [ObjectImage] {
        // What the major number says is what no type of the kernel does: since when its tracepoints can be preempted.
        let major = Int(release.prefix { $0.isNumber }) ?? 0
        return major >= 7 ? [.held, .direct, .floor] : [.direct, .floor]
    }

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
        case .held: EmbeddedObjects.held
        case .floor: EmbeddedObjects.floor
        }
    }

    /// The value of a lower-case hexadecimal digit, which is all that the build writes.
    private static func value(of digit: UInt8) -> UInt8 {
        digit < UInt8(ascii: "a") ? digit & 0xf : digit - UInt8(ascii: "a") + 10
    }
}
