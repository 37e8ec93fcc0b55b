// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// The process's heap.
package enum Heap {
    /// Gives memory back after a burst. To be called before there are threads.
    package static func keepSmall() {
        sensor_bound_heap()
    }

    /// Gives back what is free, wherever it lies. Takes some milliseconds.
    static func giveBack() { sensor_trim_heap() }
}
