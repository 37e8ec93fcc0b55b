// SPDX-License-Identifier: Apache-2.0

/// A task as calls are bound to it.
package struct CallTask: Sendable, Hashable {
    /// Of a thread or a process, as the initial pid namespace has it.
    package var id: UInt32
    /// When it began, in clock ticks since boot, as /proc tells it.
    package var start: UInt64

    package init(id: UInt32, start: UInt64) {
        self.id = id
        self.start = start
    }
}

/// Where the programs in the kernel look for the calls of a task. Each call takes effect before it returns.
package protocol CallMarker {
    /// Sets that can be open at a time.
    var setLimit: Int { get }
    /// Workloads that can have open calls at a time.
    var shareLimit: Int { get }
    /// What stands there of a process's id, whichever process that was made for; nil if nothing does.
    func entry(ofProcess process: UInt32) -> KernelCalls.Entry?
    func entry(ofThread thread: UInt32) -> KernelCalls.Entry?
    /// - Parameters:
    ///   - set: with how the process came by it (`SENSOR_CALLS_*`); nil: the entry goes.
    ///   - entry: what stands there.
    func mark(process: CallTask, set: UInt32?, over entry: KernelCalls.Entry?) throws(SystemError)
    /// - Parameter base: the set of the thread's process that is part of `set`; 0 none.
    func mark(thread: CallTask, set: UInt32?, base: UInt32, over entry: KernelCalls.Entry?) throws(SystemError)
    /// - Parameters:
    ///   - set: of which the remainder by `setLimit` is its place, that nothing stands in.
    ///   - share: that its entries are charged to.
    func open(set: UInt32, share: UInt32)
    func close(set: UInt32)
    /// Entries that are charged to a share.
    func entries(ofShare share: UInt32) -> Int
    /// Sets that entries name; nil: that cannot be told.
    func setsInUse() -> Set<UInt32>?
}
