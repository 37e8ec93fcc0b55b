// SPDX-License-Identifier: Apache-2.0

extension KernelCalls: CallMarker {
    package func mark(process: CallTask, set: UInt32?, over entry: Entry?) throws(SystemError) {
        try mark(process: process.id, start: process.start, set: set, over: entry)
    }

    package func mark(thread: CallTask, set: UInt32?, base: UInt32, over entry: Entry?) throws(SystemError) {
        try mark(thread: thread.id, start: thread.start, set: set, base: base, over: entry)
    }
}
