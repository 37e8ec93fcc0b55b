// SPDX-License-Identifier: Apache-2.0

/// What a commit says of the log as it is from there on.
struct LogCommit: Equatable {
    /// Frames of the segment before this one.
    var frames: UInt32
    /// Keys that have a value.
    var entries: UInt32
    var head: RecordStream.Head
    /// Records up to this one need not be kept.
    var acknowledged: UInt64
    /// Its writer has ended by its own will, and wrote nothing more.
    var isClean: Bool
    /// All before it outlives a loss of power.
    var isSynced: Bool
    /// When its writer ran: 16 bytes that stand for the boot.
    var boot: [UInt8]
    /// Segments before this one are garbage.
    var oldest: UInt32

    static let length = 4 + 4 + 16 + 8 + 1 + 32 + 8 + 1 + 16 + 4

    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(little: frames)
        bytes.append(little: entries)
        bytes += head.id.bytes
        bytes.append(little: head.sequence)
        bytes.append(head.digest == nil ? 0 : 1)
        bytes += head.digest?.bytes ?? [UInt8](repeating: 0, count: PayloadDigest.byteCount)
        bytes.append(little: acknowledged)
        bytes.append((isClean ? 1 : 0) | (isSynced ? 2 : 0))
        bytes += boot
        bytes.append(little: oldest)
        return bytes
    }

    init(
        frames: UInt32, entries: UInt32, head: RecordStream.Head, acknowledged: UInt64, isClean: Bool, isSynced: Bool,
        boot: [UInt8], oldest: UInt32
    ) {
        self.frames = frames
        self.entries = entries
        self.head = head
        self.acknowledged = acknowledged
        self.isClean = isClean
        self.isSynced = isSynced
        self.boot = boot
        self.oldest = oldest
    }

    init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.length, let id = StreamID(bytes: bytes[8..<24]) else { return nil }
        frames = bytes.withUnsafeBytes { $0.little(at: 0) }
        entries = bytes.withUnsafeBytes { $0.little(at: 4) }
        let sequence: UInt64 = bytes.withUnsafeBytes { $0.little(at: 24) }
        head = RecordStream.Head(
            id: id, sequence: sequence, digest: bytes[32] == 0 ? nil : PayloadDigest(bytes: bytes[33..<65]))
        acknowledged = bytes.withUnsafeBytes { $0.little(at: 65) }
        isClean = bytes[73] & 1 != 0
        isSynced = bytes[73] & 2 != 0
        boot = Array(bytes[74..<90])
        oldest = bytes.withUnsafeBytes { $0.little(at: 90) }
    }
}

/// A record as a frame keeps it: in the key its stream, its sequence and that which it had before, if any; in the payload the rest.
enum LogRecord {
    static func key(_ envelope: RecordEnvelope) -> [UInt8] {
        [envelope.sequence, envelope.originalSequence].compactMap { $0 }.reduce(envelope.stream.bytes) {
            key, sequence in
            key + withUnsafeBytes(of: sequence.bigEndian) { Array($0) }
        }
    }

    static func place(_ key: [UInt8]) -> (stream: StreamID, sequence: UInt64)? {
        guard key.count == 24 || key.count == 32, let stream = StreamID(bytes: key.prefix(16)) else { return nil }
        return (stream, sequence(key, at: 16))
    }

    private static func sequence(_ key: [UInt8], at offset: Int) -> UInt64 {
        key.withUnsafeBytes { UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    }

    /// Of the frame of a record without payload, at least.
    static let frameLength = LogFrame.length(key: 24, payload: 3)

    static func payload(_ envelope: RecordEnvelope) -> [UInt8] {
        var bytes: [UInt8] = []
        let previous = envelope.previous?.bytes ?? []
        let id = Array((envelope.signature?.keyID ?? "").utf8.prefix(255))
        let signature = (envelope.signature?.value ?? []).prefix(255)
        bytes.reserveCapacity(envelope.payload.count + 128)
        for part in [previous[...], id[...], signature] {
            bytes.append(UInt8(part.count))
            bytes += part
        }
        bytes += envelope.payload
        return bytes
    }

    static func envelope(key: [UInt8], payload: [UInt8]) -> RecordEnvelope? {
        guard let (stream, sequence) = place(key) else { return nil }
        var rest = payload[...]
        func part() -> ArraySlice<UInt8>? {
            guard let count = rest.popFirst(), rest.count >= Int(count) else { return nil }
            defer { rest = rest.dropFirst(Int(count)) }
            return rest.prefix(Int(count))
        }
        guard let previous = part(), let id = part(), let signature = part() else { return nil }
        var envelope = RecordEnvelope(stream: stream, sequence: sequence, payload: Array(rest))
        envelope.previous = PayloadDigest(bytes: previous)
        if key.count == 32 { envelope.originalSequence = Self.sequence(key, at: 24) }
        if !signature.isEmpty {
            envelope.signature = .init(keyID: String(decoding: id, as: UTF8.self), value: Array(signature))
        }
        return envelope
    }
}
