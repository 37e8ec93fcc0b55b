// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// A record with its secrets overwritten byte for byte: the pipeline makes the same of it as of the original.
struct RecordMask {
    private let redactor: Redactor
    private var copy: [UInt8]?

    /// The record so; nil if there is no secret in it.
    static func masked(_ record: RawSpan, by redactor: Redactor) -> [UInt8]? {
        guard let view = try? RecordView(record) else { return nil }
        var mask = RecordMask(redactor: redactor)
        mask.look(at: view)
        return mask.copy
    }

    private init(redactor: Redactor) { self.redactor = redactor }

    private mutating func look(at view: borrowing RecordView) {
        switch sensor_kind(UInt32(view.kind)) {
        case SENSOR_CGROUP_CREATED, SENSOR_CGROUP_REMOVED, SENSOR_DNS_ANSWER, SENSOR_IDENTITY_CHANGE: return
        case SENSOR_SYSCALL_NOTABLE: maskStrings(view)
        default: break
        }
        var sections = view.sections
        while let section = sections.next() {
            switch sensor_section_tag(UInt32(section.tag)) {
            case SENSOR_SECTION_PATH, SENSOR_SECTION_EXECUTABLE, SENSOR_SECTION_DIRECTORY, SENSOR_SECTION_BASE,
                SENSOR_SECTION_NEW_BASE:
                put(redactor.masked(Self.bytes(section), of: PathAssembler.path(section).path), at: section, view)
            case SENSOR_SECTION_ARGUMENTS: put(redactor.masked(section.bytes), at: section, view)
            case SENSOR_SECTION_SCRIPT: maskName(section, from: SENSOR_SECTION_DIRECTORY, view)
            case SENSOR_SECTION_ARGUMENT where UInt32(view.kind) != SENSOR_SYSCALL_NOTABLE.rawValue:
                maskName(section, from: SENSOR_SECTION_BASE, view)
            case SENSOR_SECTION_NEW_ARGUMENT where UInt32(view.kind) != SENSOR_SYSCALL_NOTABLE.rawValue:
                maskName(section, from: SENSOR_SECTION_NEW_BASE, view)
            default: break
            }
        }
    }

    private mutating func maskStrings(_ view: borrowing RecordView) {
        let strings = SyscallStrings(view)
        guard let masked = redactor.masked(strings.values, of: strings.call) else { return }
        var rest = masked[...]
        for tag in SyscallStrings.tags {
            guard let section = view.section(tag) else { continue }
            put(rest.removeFirst(), at: section, view)
        }
    }

    /// A caller's string, as it is shown.
    private mutating func maskName(
        _ section: borrowing RecordSection, from base: sensor_section_tag, _ view: borrowing RecordView
    ) {
        let name = Self.bytes(section)
        var shown = ByteString(name)
        if name.first == 0 {
            shown = ByteString([UInt8(ascii: "@")] + name.dropFirst())
        } else if (view.file?.access ?? 0) & SENSOR_ACCESS_SYMBOLIC.rawValue == 0 || base == SENSOR_SECTION_NEW_BASE {
            var directory: ByteString?
            if let section = view.section(base) { directory = PathAssembler.path(section).path }
            shown = PathAssembler.normalized(PathAssembler.joined(directory, name))
        }
        put(redactor.masked(name, of: shown), at: section, view)
    }

    private mutating func put(_ masked: [UInt8]?, at section: borrowing RecordSection, _ view: borrowing RecordView) {
        guard let masked, let place = view.bytes.byteOffsets(of: section.bytes) else { return }
        var bytes = copy ?? view.bytes.withUnsafeBytes { [UInt8]($0) }
        bytes.replaceSubrange(place, with: masked)
        copy = bytes
    }

    private static func bytes(_ section: borrowing RecordSection) -> [UInt8] {
        section.bytes.withUnsafeBytes { [UInt8]($0) }
    }
}
