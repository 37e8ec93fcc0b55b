// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

extension Tag {
    /// Loads eBPF programs into the running kernel.
    @Tag static var kernel: Self
}

/// What the tests need of the machine they run on.
enum TestKernel {
    /// Why no program can be loaded here; nil if they can.
    static let obstacle: String? = {
        do {
            _ = try KernelSession()
            return nil
        } catch {
            return "\(error)"
        }
    }()
}

extension Trait where Self == ConditionTrait {
    /// Skips, with the reason, where the sensor's programs cannot be loaded.
    static var needsKernel: Self {
        .disabled(if: TestKernel.obstacle != nil, Comment(rawValue: TestKernel.obstacle ?? ""))
    }
}
