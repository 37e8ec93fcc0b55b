// SPDX-License-Identifier: Apache-2.0

/// Tells a container runtime's own programs in a container's cgroup from the container's.
///
/// A runtime moves a process of its own into the cgroup, sets it up from within and lets it become the container's
/// program: what it does until then is not the workload's. Seen on the way are
///
/// - `runc init`, run from the host's file, from a copy in memory (`memfd:runc_cloned:/proc/self/exe`) or, since 1.1,
///   from a mount of the file alone, which hangs nowhere and so shows as `/runc`; a runc without a name of its own
///   (`/proc/self/exe init`, `/proc/self/fd/7`);
/// - crun, youki, and their copies in memory;
/// - the shims and monitors beside a container (`containerd-shim-runc-v2`, `conmon`, `conmonrs`), which some
///   configurations keep in the pod's or the container's cgroup.
///
/// A container's own init (`tini`, `docker-init`, `catatonit`) and `/pause` are the container's: they are its first
/// program. So is what a hook runs in the container (`startContainer`), since nothing tells it apart.
///
/// Names are whatever the image's maker likes: an entry point may be called `containerd-shim-x`. So they count only for
/// programs that were executed in the mount namespace of the process's parent: that of the runtime, which has not
/// entered the container's yet. And they count only where a runtime must be at work: before the container has executed
/// a program of its own and, later, in processes that came from outside (`runc exec`), through two stages at most.
package enum RuntimeStage {
    /// Whether an exec in a container's cgroup is the runtime's.
    ///
    /// - Parameters:
    ///   - executable: as the event has it; the name of a file in memory with or without its `/` and ` (deleted)`.
    ///   - arguments: from the program's name on; redacted or cut ones do.
    ///   - script: the script that an interpreter was started for: a runtime's stage never is one.
    ///   - ranInMountsOfParent: it was executed in the mount namespace of the process's parent.
    ///   - hasRunOwnProgram: the container has executed a program that was not the runtime's.
    ///   - cameFromOutside: the process was forked outside of the container's cgroup and moved into it, and has not
    ///     executed a program of the container's yet.
    ///   - stages: how many execs of this process were told to be the runtime's before.
    package static func covers(
        executable: ByteString, arguments: [String], script: ByteString?, ranInMountsOfParent: Bool,
        hasRunOwnProgram: Bool, cameFromOutside: Bool = false, stages: Int = 0
    ) -> Bool {
        guard ranInMountsOfParent, script == nil, stages < 2, !hasRunOwnProgram || cameFromOutside else { return false }
        let name = Program(executable)
        if name.isMonitor { return true }
        switch name.text {
        case "runc", "runc.amd64", "runc.arm64", "docker-runc", "nvidia-container-runtime":
            return isInit(arguments)
        case "crun", "youki":
            return true
        // A runtime that runs itself by a name of the kernel's.
        case "exe" where name.isOfProc, _ where name.isDescriptor:
            return isInit(arguments) && runtimes.contains(Program(arguments.first ?? "").text)
        default:
            return false
        }
    }

    private static let runtimes: Set<String> = ["runc", "exe", "crun", "youki"]

    private static func isInit(_ arguments: [String]) -> Bool { arguments.count >= 2 && arguments[1] == "init" }

    /// The last part of an executable's path, or what a file in memory was made from.
    private struct Program {
        var text: String
        var isOfProc = false
        /// `/proc/self/fd/7`, `/dev/fd/7`.
        var isDescriptor = false

        init(_ path: ByteString) { self.init(path.text) }

        init(_ path: String) {
            var path = path[...]
            if path.hasSuffix(" (deleted)") { path = path.dropLast(10) }
            let memory = path.hasPrefix("/") ? path.dropFirst() : path
            if memory.hasPrefix("memfd:") {
                // "runc_cloned:/proc/self/exe", by convention
                let made = memory.dropFirst(6).prefix { $0 != ":" }
                text = String(made.hasSuffix("_cloned") ? made.dropLast(7) : made)
                return
            }
            isOfProc = path.hasPrefix("/proc/")
            let parts = path.split(separator: "/")
            text = String(parts.last ?? "")
            isDescriptor = (isOfProc || path.hasPrefix("/dev/")) && parts.dropLast().last == "fd"
        }

        var isMonitor: Bool {
            text == "conmon" || text == "conmonrs" || text == "containerd-shim" || text.hasPrefix("containerd-shim-")
        }
    }
}
