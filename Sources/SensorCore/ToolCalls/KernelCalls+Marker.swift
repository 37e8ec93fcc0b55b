// SPDX-License-Identifier: Apache-2.0

extension KernelCalls: CallMarker {
    package func entry(ofProcess process: CallTask) -> CallEntry {
        CallEntry(entry(ofProcess: process.id), of: process)
    }

    package func entry(ofThread thread: CallTask) -> CallEntry { CallEntry(entry(ofThread: thread.id), of: thread) }

    package func mark(process: CallTask, set: UInt32?) throws(SystemError) {
        try mark(process: process.id, start: process.start, set: set)
    }

    package func mark(thread: CallTask, set: UInt32?, base: UInt32) throws(SystemError) {
        try mark(thread: thread.id, start: thread.start, set: set, base: base)
    }
}

extension CallEntry {
    fileprivate init(_ entry: KernelCalls.Entry?, of task: CallTask) {
        switch entry {
        case .some(let entry) where entry.start == task.start: self = .set(entry.set, base: entry.base)
        case .some(let entry) where entry.start > task.start: self = .replaced
        // Whoever had the id before is no more.
        default: self = .none
        }
    }
}
