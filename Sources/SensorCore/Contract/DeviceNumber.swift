// SPDX-License-Identifier: Apache-2.0

/// A block or character device, shown as `major:minor`.
package struct DeviceNumber: Sendable, Hashable {
    /// The kernel's own `dev_t`: 12 bits major, 20 bits minor. Not what user space's `stat(2)` returns.
    package let kernelValue: UInt32

    package init(kernelValue: UInt32) {
        self.kernelValue = kernelValue
    }

    /// `major` up to 4095, `minor` up to 1048575; higher bits are dropped.
    package init(major: UInt32, minor: UInt32) {
        kernelValue = major << 20 | (minor & 0xfffff)
    }

    package var major: UInt32 { kernelValue >> 20 }
    package var minor: UInt32 { kernelValue & 0xfffff }
}

extension DeviceNumber: CustomStringConvertible {
    package var description: String { "\(major):\(minor)" }
}
