// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// A tagged run of bytes in a record, without its padding.
package struct RecordSection: ~Escapable {
    /// `enum sensor_section_tag`; one that this version does not know is to be passed over.
    package let tag: UInt16
    /// `SENSOR_PATH_…`, for path-shaped sections.
    package let flags: UInt16
    package let bytes: RawSpan

    @_lifetime(copy bytes)
    init(tag: UInt16, flags: UInt16, bytes: RawSpan) {
        self.tag = tag
        self.flags = flags
        self.bytes = bytes
    }
}

/// Goes through the sections of a checked record.
package struct RecordSections: ~Escapable {
    private let bytes: RawSpan
    private var offset: Int

    @_lifetime(copy bytes)
    init(bytes: RawSpan, offset: Int) {
        self.bytes = bytes
        self.offset = offset
    }

    /// The next section, nil after the last.
    @_lifetime(copy self)
    package mutating func next() -> RecordSection? {
        guard let end = Self.end(ofSectionAt: offset, in: bytes) else { return nil }
        let section = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: sensor_section.self)
        let start = offset + MemoryLayout<sensor_section>.size
        offset = end
        return RecordSection(
            tag: section.tag, flags: section.flags,
            bytes: bytes.extracting(start..<start + Int(section.length)))
    }

    /// Where the section at `offset` ends, padding to 8 included; nil if it does not lie within `bytes`.
    static func end(ofSectionAt offset: Int, in bytes: RawSpan) -> Int? {
        let start = offset + MemoryLayout<sensor_section>.size
        guard start <= bytes.byteCount else { return nil }
        let length = Int(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: sensor_section.self).length)
        // No overflow: a length has 32 bits, an offset is at most that of a span.
        let end = start + (length + 7) & ~7
        return end <= bytes.byteCount ? end : nil
    }
}
