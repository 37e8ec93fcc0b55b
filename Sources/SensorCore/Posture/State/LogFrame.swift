// SPDX-License-Identifier: Apache-2.0

/// What the beginning of a segment says.
struct SegmentHeader: Equatable {
    var layout: UInt32
    var number: UInt32
    var log: StreamID
}

/// The layout of a segment: its header, twice, then frames.
///
/// A header is the magic (8 bytes), the version of the layout (32 bits), the segment's number (32 bits), the log's random id
/// (16 bytes) and a checksum (32 bits). A frame is
///
/// - a marker (4 bytes), its kind (8 bits), zero (8 bits), the length of its key (16 bits) and of its payload (32 bits), its
///   version (64 bits), the checksum of key and payload (32 bits), and the checksum of all this (32 bits),
/// - the key and the payload,
/// - the key once more, kind, zero and length as above, the version, and the checksum of this: what a frame was of can be
///   told though its beginning is damaged.
///
/// Checksums are CRC-32C, those of frames begun with the log's id: whoever knows what goes into a payload cannot make it look
/// like frames. Numbers are little-endian.
enum LogFrame {
    static let magic: [UInt8] = Array("sdstate\n".utf8)
    static let layout: UInt32 = 1
    static let segmentHeaderLength = 36
    /// Where frames begin.
    static let start = 2 * segmentHeaderLength

    static let marker: [UInt8] = [0xf5, 0x53, 0x44, 0x46]
    static let headerLength = 28
    static let keyLimit = 4096
    static let payloadLimit = 16 << 20

    /// The numbers go into files: never reuse one.
    enum Kind: UInt8 {
        case put = 1
        case remove = 2
        case record = 3
        /// What stands between the commit before and this one is valid, all of it.
        case commit = 4
    }

    struct Header: Equatable {
        var kind: Kind
        var keyLength: Int
        var payloadLength: Int
        var version: UInt64
        var checksum: UInt32

        /// Of the whole frame.
        var length: Int { LogFrame.length(key: keyLength, payload: payloadLength) }
    }

    struct Trailer: Equatable {
        var kind: Kind
        var key: [UInt8]
        var version: UInt64
    }

    static func length(key: Int, payload: Int) -> Int { headerLength + key + payload + key + trailerFixedLength }

    private static let trailerFixedLength = 16

    static func segmentHeader(number: UInt32, log: StreamID) -> [UInt8] {
        var bytes = magic
        bytes.append(little: layout)
        bytes.append(little: number)
        bytes += log.bytes
        var crc = CRC32C()
        crc.add(bytes)
        bytes.append(little: crc.value)
        return bytes + bytes
    }

    /// One of a segment's two headers; nil if it is damaged.
    static func segmentHeader(_ bytes: UnsafeRawBufferPointer) -> SegmentHeader? {
        guard bytes.count == segmentHeaderLength, bytes.starts(with: magic) else { return nil }
        var crc = CRC32C()
        crc.add(UnsafeRawBufferPointer(rebasing: bytes[..<32]))
        guard crc.value == bytes.little(at: 32), let log = StreamID(bytes: bytes[16..<32]) else { return nil }
        return SegmentHeader(layout: bytes.little(at: 8), number: bytes.little(at: 12), log: log)
    }

    static func append(
        _ kind: Kind, key: [UInt8], payload: [UInt8], version: UInt64, log: StreamID, to buffer: inout [UInt8]
    ) {
        var content = CRC32C(log)
        content.add(key)
        content.add(payload)
        let start = buffer.count
        buffer += marker
        append(kind, key.count, to: &buffer)
        buffer.append(little: UInt32(payload.count))
        buffer.append(little: version)
        buffer.append(little: content.value)
        seal(log, from: start, &buffer)
        buffer += key
        buffer += payload
        let trailer = buffer.count
        buffer += key
        append(kind, key.count, to: &buffer)
        buffer.append(little: version)
        seal(log, from: trailer, &buffer)
    }

    private static func append(_ kind: Kind, _ keyLength: Int, to buffer: inout [UInt8]) {
        buffer.append(kind.rawValue)
        buffer.append(0)
        buffer.append(little: UInt16(keyLength))
    }

    private static func seal(_ log: StreamID, from start: Int, _ buffer: inout [UInt8]) {
        var crc = CRC32C(log)
        buffer.withUnsafeBytes { crc.add(UnsafeRawBufferPointer(rebasing: $0[start...])) }
        buffer.append(little: crc.value)
    }

    /// nil if these are not the first bytes of a frame.
    static func header(_ bytes: UnsafeRawBufferPointer, log: StreamID) -> Header? {
        guard bytes.count >= headerLength, bytes.starts(with: marker), let kind = Kind(rawValue: bytes[4]) else {
            return nil
        }
        var crc = CRC32C(log)
        crc.add(UnsafeRawBufferPointer(rebasing: bytes[..<24]))
        guard crc.value == bytes.little(at: 24) else { return nil }
        let keyLength: UInt16 = bytes.little(at: 6)
        let payloadLength: UInt32 = bytes.little(at: 8)
        guard keyLength <= keyLimit, payloadLength <= payloadLimit else { return nil }
        return Header(
            kind: kind, keyLength: Int(keyLength), payloadLength: Int(payloadLength), version: bytes.little(at: 12),
            checksum: bytes.little(at: 20))
    }

    /// What the frame was of whose last bytes these are; nil if they are damaged.
    static func trailer(_ bytes: UnsafeRawBufferPointer, log: StreamID) -> Trailer? {
        let fixed = bytes.count - trailerFixedLength
        guard fixed >= 0, let kind = Kind(rawValue: bytes[fixed]) else { return nil }
        let keyLength = Int(bytes.little(at: fixed + 2) as UInt16)
        guard keyLength <= keyLimit, keyLength <= fixed else { return nil }
        var crc = CRC32C(log)
        crc.add(UnsafeRawBufferPointer(rebasing: bytes[(fixed - keyLength)..<(bytes.count - 4)]))
        guard crc.value == bytes.little(at: bytes.count - 4) else { return nil }
        return Trailer(kind: kind, key: Array(bytes[(fixed - keyLength)..<fixed]), version: bytes.little(at: fixed + 4))
    }

    /// The longest trailer.
    static let trailerLimit = keyLimit + trailerFixedLength
}

extension CRC32C {
    init(_ log: StreamID) {
        self.init()
        withUnsafeBytes(of: log.words) { add($0) }
    }
}

extension [UInt8] {
    mutating func append(little value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}

extension UnsafeRawBufferPointer {
    func little<Integer: FixedWidthInteger>(at offset: Int) -> Integer {
        Integer(littleEndian: loadUnaligned(fromByteOffset: offset, as: Integer.self))
    }
}
