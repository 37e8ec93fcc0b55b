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

    func setScopeOnly(_ scopeOnly: Bool) {
        sensor_store_release_u32(block.pointer(to: \.scope_only), scopeOnly ? 1 : 0)
    }
}
