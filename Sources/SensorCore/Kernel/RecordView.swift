// SPDX-License-Identifier: Apache-2.0

package import CSensorBPF

/// One record as it lies in ring memory or in a recording: checked once, then read without copying.
///
/// The bytes are foreign. `init` checks every length in them, so that nothing read later can leave them; the
/// values themselves (numbers, flags, tags) are as the sender wrote them. The view cannot outlive its bytes.
package struct RecordView: ~Escapable {
    /// The whole record.
    package let bytes: RawSpan
    private let bodyLength: Int

    /// Checks `bytes`, which are one record and nothing else.
    @_lifetime(copy bytes)
    package init(_ bytes: RawSpan) throws(RecordFault) {
        let headerLength = MemoryLayout<sensor_header>.size
        guard bytes.byteCount >= headerLength else { throw .truncated }
        let header = unsafe bytes.unsafeLoadUnaligned(as: sensor_header.self)
        guard Int(header.size) == bytes.byteCount, header.size % 8 == 0 else { throw .sizeMismatch }
        guard let bodyLength = Self.bodyLength(ofKind: header.key.kind) else {
            throw .unknownKind(header.key.kind)
        }
        guard bytes.byteCount >= headerLength + bodyLength else { throw .truncated }

        var offset = headerLength + bodyLength
        for _ in 0..<header.sections {
            guard let end = RecordSections.end(ofSectionAt: offset, in: bytes) else { throw .sectionOutOfBounds }
            offset = end
        }
        guard offset == bytes.byteCount else { throw .trailingBytes }
        self.bytes = bytes
        self.bodyLength = bodyLength
    }

    /// A copy of the whole header. Its size and section count are checked.
    package var header: sensor_header {
        unsafe bytes.unsafeLoadUnaligned(as: sensor_header.self)
    }

    /// `enum sensor_kind`: one of those whose body this version knows.
    package var kind: UInt8 { header.key.kind }

    /// What hangs behind the body, in the order of the record.
    package var sections: RecordSections {
        @_lifetime(copy self)
        get {
            RecordSections(bytes: bytes, offset: MemoryLayout<sensor_header>.size + bodyLength)
        }
    }

    /// The first section with `tag`, nil if there is none.
    @_lifetime(copy self)
    package func section(_ tag: sensor_section_tag) -> RecordSection? {
        var sections = self.sections
        while let section = sections.next() {
            if UInt32(section.tag) == tag.rawValue { return section }
        }
        return nil
    }
}

// The bodies: nil for a record of another kind.
extension RecordView {
    /// Of `process.exec`, `process.fork` and a process that ran before the sensor.
    package var exec: sensor_exec? {
        switch sensor_kind(UInt32(kind)) {
        case SENSOR_PROCESS_EXEC, SENSOR_PROCESS_FORK, SENSOR_PROCESS_SEEN: body(sensor_exec.self)
        default: nil
        }
    }

    /// Of `process.exit`.
    package var exit: sensor_exit? {
        UInt32(kind) == SENSOR_PROCESS_EXIT.rawValue ? body(sensor_exit.self) : nil
    }

    /// Of the `file` kinds.
    package var file: sensor_file? {
        (SENSOR_FILE_OPEN.rawValue...SENSOR_FILE_EXECMAP.rawValue).contains(UInt32(kind)) ? body(sensor_file.self) : nil
    }

    /// Of the `network` kinds and `dns.answer`.
    package var network: sensor_network? {
        (SENSOR_NETWORK_CONNECT.rawValue...SENSOR_NETWORK_CLOSE.rawValue).contains(UInt32(kind))
            || UInt32(kind) == SENSOR_DNS_ANSWER.rawValue ? body(sensor_network.self) : nil
    }

    /// Of the `syscall` kinds.
    package var syscall: sensor_syscall? {
        switch sensor_kind(UInt32(kind)) {
        case SENSOR_SYSCALL_FIRST, SENSOR_SYSCALL_NOTABLE: body(sensor_syscall.self)
        default: nil
        }
    }

    /// Of `identity.change`.
    package var identity: sensor_identity? {
        UInt32(kind) == SENSOR_IDENTITY_CHANGE.rawValue ? body(sensor_identity.self) : nil
    }

    /// Of a cgroup that was made or removed.
    package var cgroup: sensor_cgroup? {
        switch sensor_kind(UInt32(kind)) {
        case SENSOR_CGROUP_CREATED, SENSOR_CGROUP_REMOVED: body(sensor_cgroup.self)
        default: nil
        }
    }

    /// `init` has checked that the body of the record's kind is there; each caller has checked the kind.
    private func body<Body: BitwiseCopyable>(_ type: Body.Type) -> Body {
        unsafe bytes.unsafeLoadUnaligned(fromByteOffset: MemoryLayout<sensor_header>.size, as: type)
    }

    /// Bytes of the body of a record of this kind; nil for a kind this version does not know.
    private static func bodyLength(ofKind kind: UInt8) -> Int? {
        switch sensor_kind(UInt32(kind)) {
        case SENSOR_PROCESS_EXEC, SENSOR_PROCESS_FORK, SENSOR_PROCESS_SEEN:
            MemoryLayout<sensor_exec>.size
        case SENSOR_PROCESS_EXIT:
            MemoryLayout<sensor_exit>.size
        case SENSOR_CGROUP_CREATED, SENSOR_CGROUP_REMOVED:
            MemoryLayout<sensor_cgroup>.size
        case SENSOR_FILE_OPEN, SENSOR_FILE_CREATE, SENSOR_FILE_DELETE, SENSOR_FILE_RENAME, SENSOR_FILE_LINK,
            SENSOR_FILE_ATTRIBUTE, SENSOR_FILE_EXECMAP:
            MemoryLayout<sensor_file>.size
        case SENSOR_NETWORK_CONNECT, SENSOR_NETWORK_SEND, SENSOR_NETWORK_LISTEN, SENSOR_NETWORK_ACCEPT,
            SENSOR_NETWORK_CLOSE, SENSOR_DNS_ANSWER:
            MemoryLayout<sensor_network>.size
        case SENSOR_SYSCALL_FIRST, SENSOR_SYSCALL_NOTABLE:
            MemoryLayout<sensor_syscall>.size
        case SENSOR_IDENTITY_CHANGE:
            MemoryLayout<sensor_identity>.size
        default:
            nil
        }
    }
}
