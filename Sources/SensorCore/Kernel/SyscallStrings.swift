// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// The strings in the record of a notable call, in the order of the call's arguments.
struct SyscallStrings {
    /// As the kernel's table has the call.
    let call: String
    private(set) var names: [String] = []
    private(set) var values: [[UInt8]] = []

    /// Without any for a record of another kind.
    init(_ view: borrowing RecordView) {
        guard UInt32(view.kind) == SENSOR_SYSCALL_NOTABLE.rawValue, let syscall = view.syscall else {
            call = ""
            return
        }
        call = SyscallNames.name(of: syscall.number)
        let names = Self.names(of: call)
        for (index, tag) in Self.tags.enumerated() {
            guard let section = view.section(tag) else { continue }
            self.names.append(index < names.count ? names[index] : "")
            values.append(section.bytes.withUnsafeBytes { [UInt8]($0) })
        }
    }

    /// Which sections they are in.
    static let tags = [SENSOR_SECTION_ARGUMENT, SENSOR_SECTION_NEW_ARGUMENT, SENSOR_SECTION_THIRD_ARGUMENT]

    /// What they are to the call; as `notable.bpf.h` picks them from the arguments.
    private static func names(of call: String) -> [String] {
        switch call {
        case "mount": ["source", "target", "type"]
        case "umount2": ["target"]
        case "acct", "chroot", "execve", "execveat", "fspick", "mount_setattr", "open_tree", "swapoff", "swapon":
            ["path"]
        case "pivot_root": ["new_root", "put_old"]
        case "move_mount": ["from", "to"]
        case "delete_module", "memfd_create", "sethostname": ["name"]
        case "fsopen": ["type"]
        case "fsconfig": ["key", "value"]
        case "finit_module", "init_module": ["parameters"]
        case "kexec_file_load": ["command_line"]
        case "add_key", "request_key": ["type", "description"]
        default: []
        }
    }
}
