// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// The memory that the daemon and the programs share (`struct sensor_control`). For one thread of the daemon.
struct ControlBlock: ~Copyable {
    private let block: UnsafeMutablePointer<sensor_control>
    private let length: Int

    /// - Parameter descriptor: of the map `control`; it need not stay open.
    init(descriptor: Int32) throws(KernelError) {
        length = sysconf(Int32(_SC_PAGESIZE))
        guard let memory = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), memory != MAP_FAILED
        else { throw .systemCall("cannot map the control block") }
        block = memory.bindMemory(to: sensor_control.self, capacity: 1)
    }

    deinit { munmap(block, length) }

    /// Whether the next record must wake the consumer. Setting it is ordered ahead of every later look at a ring.
    func setIdle(_ idle: Bool) {
        sensor_store_release_u32(block.pointer(to: \.idle), idle ? 1 : 0)
        if idle { sensor_full_fence() }
    }

    /// One more pass has made room in the rings.
    func countDrain() {
        sensor_store_release_u64(block.pointer(to: \.drain), block.pointee.drain &+ 1)
    }

    func setStream(_ mode: UInt32, kinds: UInt64) {
        sensor_store_release_u64(block.pointer(to: \.stream_kinds), kinds)
        sensor_store_release_u32(block.pointer(to: \.stream), mode)
    }

    func setEnabledKinds(_ kinds: UInt64) {
        sensor_store_release_u64(block.pointer(to: \.enabled_kinds), kinds)
    }

    func setHasUnwatched(_ hasUnwatched: Bool) {
        sensor_store_release_u32(block.pointer(to: \.unwatched), hasUnwatched ? 1 : 0)
    }

    func setHasUnstreamed(_ hasUnstreamed: Bool) {
        sensor_store_release_u32(block.pointer(to: \.unstreamed), hasUnstreamed ? 1 : 0)
    }

    func setHasReduced(_ hasReduced: Bool) {
        sensor_store_release_u32(block.pointer(to: \.reduced), hasReduced ? 1 : 0)
    }

    func setHasCalls() {
        sensor_store_release_u32(block.pointer(to: \.has_calls), 1)
    }

    func setHasNoCalls() {
        sensor_store_release_u32(block.pointer(to: \.has_calls), 0)
    }

    /// Whose doings are not reported.
    func setSelf(_ process: UInt32) {
        sensor_store_release_u32(block.pointer(to: \.self_tgid), process)
    }

    // MARK: Programs that outlive the daemon

    /// When somebody last looked at the rings, boot clock, ns.
    var lookedAt: UInt64 { sensor_load_acquire_u64(block.pointer(to: \.looked_at)) }

    /// Until when somebody has to look again, boot clock, ns.
    var deadline: UInt64 { sensor_load_acquire_u64(block.pointer(to: \.deadline)) }

    /// Somebody looks at the rings.
    ///
    /// - Parameter deadline: until when to look again, boot clock, ns: later, the programs go quiet.
    func look(at time: UInt64, deadline: UInt64) {
        sensor_store_release_u64(block.pointer(to: \.looked_at), time)
        sensor_store_release_u64(block.pointer(to: \.deadline), deadline)
    }

    /// Nobody has looked for too long, and the programs do nothing any more.
    var isQuiet: Bool { sensor_load_acquire_u32(block.pointer(to: \.quiet)) != 0 }

    func endQuiet() {
        sensor_store_release_u32(block.pointer(to: \.quiet), 0)
    }

    /// While it is so the programs leave the memory alone: once those that run have returned, no count changes.
    func setForgetting(_ isForgetting: Bool) {
        sensor_store_release_u32(block.pointer(to: \.forgetting), isForgetting ? 1 : 0)
    }

    /// Whoever read last has taken all that was remembered until then.
    var isLeft: Bool { sensor_load_acquire_u32(block.pointer(to: \.is_left)) != 0 }

    func setLeft(_ isLeft: Bool) {
        sensor_store_release_u32(block.pointer(to: \.is_left), isLeft ? 1 : 0)
    }

    // MARK:

    func setScopeOnly(_ scopeOnly: Bool) {
        sensor_store_release_u32(block.pointer(to: \.scope_only), scopeOnly ? 1 : 0)
    }
}
