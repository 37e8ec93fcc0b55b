// SPDX-License-Identifier: Apache-2.0

/// A kernel between a workload and this one, whose system calls nobody sees here: of a sandbox, or of a virtual machine.
enum OtherKernel {
    /// By the name of a pod's RuntimeClass, which whoever runs the cluster has chosen: what names such a runtime has one.
    ///
    /// - Returns: what it is, for people; nil: nothing says so.
    static func name(ofRuntimeClass name: String) -> String? {
        if name.isEmpty { return nil }
        let known = name.lowercased()
        return classes.contains(where: known.contains) ? "RuntimeClass \(name)" : nil
    }

    /// By what is executed in the workload.
    static func name(ofExecutable path: ByteString) -> String? {
        let name = ByteString(Array(path.bytes.split(separator: UInt8(ascii: "/")).last ?? [])).text
        return programs.contains(name) || name.hasPrefix("qemu-system-") ? name : nil
    }

    /// As the projects' own documents call theirs: gVisor, Kata Containers and what it drives, Firecracker, Cloud Hypervisor.
    private static let classes = ["gvisor", "runsc", "kata", "firecracker", "cloud-hypervisor", "qemu", "microvm"]
    private static let programs: Set<String> = [
        "runsc", "runsc-sandbox", "runsc-gofer", "containerd-shim-kata-v2", "firecracker", "cloud-hypervisor",
        "qemu-kvm", "stratovirt", "crosvm",
    ]
}
