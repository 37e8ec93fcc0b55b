// SPDX-License-Identifier: Apache-2.0

extension PodObject {
    /// Every ServiceAccount token that a container mounts, the API server's own (`kube-api-access-…`) as well.
    var tokens: [PodIdentity.ProjectedToken] {
        var sources: [String: [Volume.Token]] = [:]
        for volume in spec?.volumes?.elements ?? [] {
            guard let name = volume.name else { continue }
            let tokens = (volume.projected?.sources?.elements ?? []).compactMap(\.serviceAccountToken)
            if !tokens.isEmpty { sources[name] = tokens }
        }
        guard !sources.isEmpty else { return [] }
        let containers = [spec?.containers, spec?.initContainers, spec?.ephemeralContainers]
            .flatMap { $0?.elements ?? [] }
        return containers.flatMap { container in
            (container.volumeMounts?.elements ?? []).flatMap { mount in
                (mount.name.flatMap { sources[$0] } ?? []).compactMap { Self.token($0, mount, container) }
            }
        }
    }

    private static func token(
        _ token: Volume.Token, _ mount: Container.Mount, _ container: Container
    ) -> PodIdentity.ProjectedToken? {
        guard let name = container.name, let directory = mount.mountPath, let file = token.path else { return nil }
        var path = directory.hasSuffix("/") ? directory + file : directory + "/" + file
        if let part = mount.subPath, !part.isEmpty {
            // Only that part of the volume is there: the file itself, or a directory that it may be in.
            if file == part {
                path = directory
            } else if file.hasPrefix(part + "/") {
                path = directory + file.dropFirst(part.count)
            } else {
                return nil
            }
        }
        return PodIdentity.ProjectedToken(audience: token.audience ?? "", path: path, container: name)
    }
}
