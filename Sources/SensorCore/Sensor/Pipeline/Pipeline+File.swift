// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

// Files: which path an event is about, and how far that can be trusted.
extension Pipeline {
    /// The path-shaped sections of a record and the caller's strings.
    private struct Names {
        var path: AssembledPath?
        var base: AssembledPath?
        var newBase: AssembledPath?
        var argument: [UInt8]?
        var newArgument: [UInt8]?

        init(_ view: borrowing RecordView) {
            var sections = view.sections
            while let section = sections.next() {
                switch sensor_section_tag(UInt32(section.tag)) {
                case SENSOR_SECTION_PATH: path = PathAssembler.path(section)
                case SENSOR_SECTION_BASE: base = PathAssembler.path(section)
                case SENSOR_SECTION_NEW_BASE: newBase = PathAssembler.path(section)
                case SENSOR_SECTION_ARGUMENT: argument = section.bytes.withUnsafeBytes { [UInt8]($0) }
                case SENSOR_SECTION_NEW_ARGUMENT: newArgument = section.bytes.withUnsafeBytes { [UInt8]($0) }
                default: break
                }
            }
        }
    }

    mutating func file(_ view: borrowing RecordView, _ header: sensor_header, _ kind: EventKind) {
        guard let file = view.file else { return }
        let names = Names(view)
        let process = process(header)
        var detail = FileDetail(
            path: "", access: FileAccess(rawValue: file.access),
            device: file.inode == 0 ? nil : DeviceNumber(kernelValue: file.device), inode: file.inode, mode: file.mode)

        if let path = names.path {
            detail.path = path.path
            detail.isDeleted = path.isDeleted
            if path.isUnreachable { detail.pathSource = .unreachable }
            if path.isPseudo, path.path.isEmpty { detail.path = Self.pseudoName(file) }
            if file.flags & UInt32(SENSOR_FILE_COMPARE) != 0, let argument = names.argument,
                case let leads = resolver.leads(
                    argument, base: names.base, to: path.path, of: process, thread: header.tid), leads != true
            {
                detail.pathSource = leads == nil ? .unverified : .contested
                detail.argumentPath = PathAssembler.normalized(PathAssembler.joined(names.base?.path, argument))
            }
        } else if let argument = names.argument {
            if detail.access.contains(.symbolic) {
                // The content of the link, which need not lead anywhere.
                detail.path = ByteString(argument)
                detail.pathSource = .argument
            } else {
                let isFollowed = file.flags & UInt32(SENSOR_FILE_FOLLOWED) != 0
                (detail.path, detail.pathSource) = entry(
                    argument, base: names.base, of: process, header, isFollowed: isFollowed)
            }
        } else {
            detail.pathSource = .unknown
        }
        if let argument = names.newArgument {
            let (path, source) = entry(argument, base: names.newBase, of: process, header)
            detail.newPath = path
            if source == .argument || detail.pathSource == .unknown { detail.pathSource = source }
        }
        if file.flags & UInt32(SENSOR_FILE_UNPROVED) != 0, detail.pathSource == .resolved {
            detail.pathSource = .unverified
        }
        let path = detail.path
        detail.path = configuration.redactor.path(path)
        detail.newPath = detail.newPath.map(configuration.redactor.path)
        detail.argumentPath = detail.argumentPath.map(configuration.redactor.path)
        emit(
            kind, header, process: process, detail: .file(detail),
            repeated: repeated(detail, path, names, isFollowed: file.flags & UInt32(SENSOR_FILE_FOLLOWED) != 0))
    }

    /// What repeats are told as of which nobody looks where they lead, if that was elsewhere than the name says: that is
    /// left open.
    private func repeated(
        _ detail: FileDetail, _ path: ByteString, _ names: Names, isFollowed: Bool
    ) -> EventDetail? {
        guard isFollowed, let argument = names.argument else { return nil }
        let name = PathAssembler.normalized(PathAssembler.joined(names.base?.path, argument))
        if name == path { return nil }
        var repeated = detail
        repeated.path = configuration.redactor.path(name)
        repeated.pathSource = .argument
        return .file(repeated)
    }

    /// A name as the caller gave it. Failed attempts are many, and what they name need not be there: no looks for them.
    private mutating func entry(
        _ argument: [UInt8], base: AssembledPath?, of process: TrackedProcess?, _ header: sensor_header,
        isFollowed: Bool = false
    ) -> (ByteString, PathSource) {
        if header.key.error == 0 {
            return resolver.entry(argument, base: base, of: process, isFollowed: isFollowed)
        }
        // Nothing was named.
        if argument.isEmpty, Int32(header.key.error) == ENOENT { return ("", .argument) }
        return (PathAssembler.normalized(PathAssembler.joined(base?.path, argument)), .argument)
    }

    /// As /proc/PID/fd shows them.
    private static func pseudoName(_ file: sensor_file) -> ByteString {
        let type =
            switch file.mode & 0o170000 {
            case 0o010000: "pipe"
            case 0o140000: "socket"
            case 0o100000: "memfd"
            default: "anon_inode"
            }
        return ByteString("\(type):[\(file.inode)]")
    }
}
