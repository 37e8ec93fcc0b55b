// SPDX-License-Identifier: Apache-2.0

extension CapabilityReport {
    /// What a daemon that is started as this process was gives up, and what it does not.
    static func restriction(_ privileges: Privileges) -> [Capability] {
        let asked = Privileges.Capability.allCases.filter { [.chown, .dacOverride, .netBindService].contains($0) }
        let settings = asked.map { "\($0.name) (\($0.purpose))" }.joined(separator: ", ")
        var found = [
            Capability(
                "given up", .ok,
                "before it starts threads, and for good: capabilities without a line here; it keeps what settings ask for: \(settings)"
            )
        ]
        if let obstacle = CallFilter.obstacle() {
            found.append(
                Capability(
                    "system calls", .degraded,
                    "the daemon cannot have the kernel refuse those that it does not need: \(obstacle); use a kernel with "
                        + "CONFIG_SECCOMP_FILTER, and let seccomp(2) pass"))
        } else {
            found.append(
                Capability(
                    "system calls", .ok,
                    "once its programs are attached the daemon has the kernel refuse it \(CallFilter.refused.count): it starts no program, "
                        + "loads none into the kernel, traces nobody, mounts nothing"))
        }
        found.append(
            Capability(
                "Landlock", .ok,
                "not used: whoever is in any Landlock domain may not look into /proc/<pid>/root and exe of processes "
                    + "outside of it"))
        return found
    }

    /// What the daemon holds it for, and how long.
    static func use(of capability: Privileges.Capability, _ privileges: Privileges) -> String {
        guard privileges.holds(capability) else { return "\(capability.purpose); CAP_SYS_ADMIN stands for it" }
        return privileges.kept(isAttached: true).contains(capability)
            ? "\(capability.purpose); the daemon keeps it"
            : "\(capability.purpose); the daemon gives it up once that is done"
    }
}
