// SPDX-License-Identifier: Apache-2.0

/// What runs containers, as cgroup paths and files on disk tell.
package enum ContainerRuntime: String, Sendable, Hashable, Codable, CaseIterable {
    case docker
    case podman
    case containerd
    case crio
    case lxc
    /// Without an engine above it.
    case runc
    case crun
}
