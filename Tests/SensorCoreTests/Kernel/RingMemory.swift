// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc

@testable import SensorCore

/// Memory laid out as the kernel's ring buffer, with this side as the producer.
final class RingMemory {
    static let byteCount = 4096
    let descriptor: Int32
    private let pageSize = sysconf(Int32(_SC_PAGESIZE))
    private let base: UnsafeMutableRawPointer
    private(set) var produced: UInt64 = 0

    init() throws {
        guard let file = tmpfile() else { throw KernelError.systemCall("tmpfile") }
        descriptor = dup(fileno(file))
        fclose(file)
        let length = 2 * pageSize + 2 * Self.byteCount
        guard descriptor >= 0, ftruncate(descriptor, length) == 0,
            let base = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), base != MAP_FAILED
        else { throw KernelError.systemCall("mmap") }
        self.base = base
    }

    deinit {
        munmap(base, 2 * pageSize + 2 * Self.byteCount)
        close(descriptor)
    }

    func consumer() throws -> RingBuffer {
        try RingBuffer(descriptor: descriptor, byteCount: Self.byteCount)
    }

    var consumed: UInt64 { sensor_load_acquire_u64(base) }

    /// Reserves room and leaves it busy.
    func reserve(_ length: Int) -> UInt64 {
        let position = produced
        store(UInt32(length) | 1 << 31, at: position)
        produced += UInt64((length + 15) & ~7)
        sensor_store_release_u64(base + pageSize, produced)
        return position
    }

    func commit(_ position: UInt64, _ bytes: [UInt8]) {
        for (index, byte) in bytes.enumerated() { place(byte, at: position + 8 + UInt64(index)) }
        store(UInt32(bytes.count), at: position)
    }

    func discard(_ position: UInt64, length: Int) {
        store(UInt32(length) | 1 << 30, at: position)
    }

    func write(_ bytes: [UInt8]) {
        commit(reserve(bytes.count), bytes)
    }

    private func store(_ word: UInt32, at position: UInt64) {
        for (index, byte) in withUnsafeBytes(of: word, Array.init).enumerated() {
            place(byte, at: position + UInt64(index))
        }
    }

    /// The kernel maps the data twice; here each byte is written twice.
    private func place(_ byte: UInt8, at position: UInt64) {
        let data = base + 2 * pageSize
        let offset = Int(position) & (Self.byteCount - 1)
        data.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
        data.storeBytes(of: byte, toByteOffset: offset + Self.byteCount, as: UInt8.self)
    }
}
