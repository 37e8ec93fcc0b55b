// SPDX-License-Identifier: Apache-2.0

extension KernelCalls: CallMarker {
    package func set(ofProcess process: CallTask) -> UInt32? { set(ofProcess: process.id, start: process.start) }

    package func set(ofThread thread: CallTask) -> UInt32? { set(ofThread: thread.id, start: thread.start) }

    package func mark(process: CallTask, set: UInt32?) throws(SystemError) {
        try mark(process: process.id, start: process.start, set: set)
    }

    package func mark(thread: CallTask, set: UInt32?, base: UInt32) throws(SystemError) {
        try mark(thread: thread.id, start: thread.start, set: set, base: base)
    }
}
