// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// The running kernel's own description of its types (BTF). Megabytes: to be let go soon.
struct KernelTypes: ~Copyable {
    private let types: OpaquePointer

    /// Nil where the kernel has none to show.
    init?() {
        guard let types = btf__load_vmlinux_btf() else { return nil }
        self.types = types
    }

    deinit { btf__free(types) }

    /// Which kernel it is, as the kernel tells it; empty if it does not.
    static var release: String {
        ProcFile.text("/proc/sys/kernel/osrelease") ?? ""
    }

    /// Whether a `tp_btf` program can be attached to the tracepoint: it may still be refused.
    func hasTracepoint(_ name: String) -> Bool {
        btf__find_by_name_kind(types, "btf_trace_\(name)", UInt32(BTF_KIND_TYPEDEF)) > 0
    }

    /// The number behind a name of an enumeration, nil if there is no such one.
    func value(of name: String, in enumeration: String) -> Int32? {
        let identifier = btf__find_by_name_kind(types, enumeration, UInt32(BTF_KIND_ENUM))
        guard identifier > 0, let type = btf__type_by_id(types, UInt32(identifier)), let values = btf_enum(type) else {
            return nil
        }
        for index in 0..<Int(btf_vlen(type)) {
            guard let text = btf__name_by_offset(types, values[index].name_off) else { continue }
            if String(cString: text) == name { return values[index].val }
        }
        return nil
    }
}
