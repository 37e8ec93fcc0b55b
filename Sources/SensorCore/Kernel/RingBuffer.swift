// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// The consumer's side of one `BPF_MAP_TYPE_RINGBUF`. Owns its mappings; for one thread.
///
/// The kernel maps a page with the consumer's position (ours to write), a page with the producer's position, and
/// the data twice in a row, so that a record that wraps is still one run of bytes. Each record has 8 bytes before
/// it: its length, whose two upper bits say that it is still being written or is to be passed over, and a page
/// offset that only the kernel needs.
struct RingBuffer: ~Copyable {
    /// What stands at the consumer's position.
    enum Head: Equatable {
        /// Nothing up to the position asked for.
        case empty
        /// A record that a program has reserved and not yet committed: what it is, is not known yet.
        case busy
        /// A committed record of this many bytes, from `offset` bytes into the data on.
        case record(offset: Int, length: Int)
    }

    private let consumer: UnsafeMutableRawPointer
    private let producer: UnsafeMutableRawPointer
    private let data: UnsafeRawPointer
    private let byteCount: Int
    private let pageSize: Int
    /// Where the next record starts; counts up for ever, as both positions do.
    private(set) var position: UInt64
    private var released: UInt64

    private static let busyBit: UInt32 = 1 << 31
    private static let discardBit: UInt32 = 1 << 30
    private static let prefix = 8

    /// - Parameters:
    ///   - descriptor: of the map; it need not stay open.
    ///   - byteCount: `max_entries` of the map: a power of two and a multiple of the page size.
    init(descriptor: Int32, byteCount: Int) throws(KernelError) {
        let pageSize = sysconf(Int32(_SC_PAGESIZE))
        guard byteCount >= pageSize, byteCount & (byteCount - 1) == 0 else {
            throw KernelError(.badSetting, "a ring's size must be a power of two, at least \(pageSize): \(byteCount)")
        }
        guard let consumer = mmap(nil, pageSize, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            consumer != MAP_FAILED
        else { throw .systemCall("cannot map a ring's consumer position") }
        guard let producer = mmap(nil, pageSize + 2 * byteCount, PROT_READ, MAP_SHARED, descriptor, pageSize),
            producer != MAP_FAILED
        else {
            let error = KernelError.systemCall("cannot map a ring's data")
            munmap(consumer, pageSize)
            throw error
        }
        self.consumer = consumer
        self.producer = producer
        self.data = UnsafeRawPointer(producer + pageSize)
        self.byteCount = byteCount
        self.pageSize = pageSize
        self.position = sensor_load_acquire_u64(consumer)
        self.released = position
    }

    deinit {
        munmap(consumer, pageSize)
        munmap(producer, pageSize + 2 * byteCount)
    }

    /// How far programs have reserved, as of now.
    var producerPosition: UInt64 { sensor_load_acquire_u64(producer) }

    /// What stands at `position`, looking no further than `end`, a producer position read before. Passes over
    /// what was discarded.
    mutating func head(before end: UInt64) -> Head {
        while position < end {
            let offset = Int(position & UInt64(byteCount - 1))
            let word = sensor_load_acquire_u32(data + offset)
            if word & Self.busyBit != 0 { return .busy }
            let length = Int(word & ~Self.discardBit)
            if word & Self.discardBit == 0 {
                return .record(offset: offset + Self.prefix, length: length)
            }
            pass(length: length)
        }
        return .empty
    }

    /// The boot time in the header of a record found by `head`; 0 for one that is too short to have a header,
    /// which is thereby handed on, and refused, at once.
    func time(offset: Int, length: Int) -> UInt64 {
        guard length >= MemoryLayout<sensor_header>.size, offset + length <= 2 * byteCount,
            let field = MemoryLayout<sensor_header>.offset(of: \.time)
        else { return 0 }
        return data.loadUnaligned(fromByteOffset: offset + field, as: UInt64.self)
    }

    /// Gives the bytes of a record found by `head` to `body`, where they lie. They stay until `release`.
    func withRecord(offset: Int, length: Int, _ body: (RawSpan) -> Void) {
        // The kernel never makes a record longer than the ring; were it to, its bytes are none of ours.
        let length = offset + length <= 2 * byteCount ? length : 0
        let bytes = UnsafeRawBufferPointer(start: data + offset, count: length)
        body(RawSpan(_unsafeBytes: bytes))
    }

    /// Goes on behind the record of `length` bytes at `position`.
    mutating func pass(length: Int) {
        position += UInt64((length + Self.prefix + 7) & ~7)
    }

    /// Bytes passed and not yet given back.
    var unreleased: Int { Int(truncatingIfNeeded: position &- released) }

    /// Gives the room of everything passed back to the programs. What `withRecord` gave is gone after it.
    mutating func release() {
        guard released != position else { return }
        released = position
        sensor_store_release_u64(consumer, position)
    }
}
