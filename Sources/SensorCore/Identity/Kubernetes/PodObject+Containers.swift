// SPDX-License-Identifier: Apache-2.0

extension PodObject {
    /// Everything that the spec says runs in the pod, with what the status tells of it.
    var containers: [PodIdentity.Container] {
        let main = containers(spec?.containers, status?.containerStatuses) { _ in .main }
        let initial = containers(spec?.initContainers, status?.initContainerStatuses) {
            $0.restartPolicy == "Always" ? .sidecar : .initial
        }
        let ephemeral = containers(spec?.ephemeralContainers, status?.ephemeralContainerStatuses) { _ in .ephemeral }
        return main + initial + ephemeral
    }

    private func containers(
        _ specs: LenientList<Container>?, _ statuses: LenientList<ContainerStatus>?,
        role: (Container) -> PodIdentity.Container.Role
    ) -> [PodIdentity.Container] {
        (specs?.elements ?? []).compactMap { spec in
            guard let name = spec.name, !name.isEmpty else { return nil }
            let status = statuses?.elements.first { $0.name == name }
            return PodIdentity.Container(
                name: name, role: role(spec), ids: status?.ids ?? [], image: status?.runningImage ?? spec.image ?? "",
                imageDigest: status?.imageDigest ?? "")
        }
    }
}

extension PodObject.ContainerStatus {
    /// Without the runtime's scheme, each once.
    fileprivate var ids: [String] {
        var ids: [String] = []
        for id in [containerID, state?.terminated?.containerID, lastState?.terminated?.containerID] {
            guard let id else { continue }
            let bare = id.firstRange(of: "://").map { String(id[$0.upperBound...]) } ?? id
            if !bare.isEmpty, !ids.contains(bare) { ids.append(bare) }
        }
        return ids
    }

    /// The image of the container that the digest is of: the spec may name the next one by now. nil: nothing has run yet,
    /// or the runtime has no name for it.
    fileprivate var runningImage: String? {
        guard let image, containerID?.isEmpty == false, !image.isEmpty, !image.hasPrefix("sha256:") else { return nil }
        return image
    }

    /// `docker.io/library/nginx@sha256:…`, `docker-pullable://…@sha256:…` or `sha256:…` alone.
    fileprivate var imageDigest: String {
        guard let imageID, let start = imageID.firstRange(of: "sha256:") else { return "" }
        return String(imageID[start.lowerBound...])
    }
}
