// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// What a container runtime's own state says of a container. Strings that it does not say are empty.
package struct RuntimeContainer: Sendable, Equatable, Codable {
    /// The pod that the runtime was told to make it for.
    package struct Pod: Sendable, Equatable, Codable {
        package var uid: String
        package var namespace: String
        package var name: String

        package init(uid: String, namespace: String, name: String) {
            self.uid = uid
            self.namespace = namespace
            self.name = name
        }
    }

    package var id: String
    package var runtime: CgroupPath.Runtime?
    /// As people call it: what `docker ps` and `podman ps` list, or the id that a person chose for `ctr` and `runc`.
    package var name = ""
    /// As it was asked for: `docker.io/library/nginx:1.27`.
    package var image = ""
    /// `sha256:…` of the image's manifest, as registries know it.
    package var imageDigest = ""
    /// `sha256:…` of the image's configuration, as the machine knows it.
    package var imageID = ""
    /// The container that holds a pod's namespaces and runs nothing of it: pause, infra.
    package var isSandbox = false
    package var pod: Pod?
    /// Of the pod's spec.
    package var containerName = ""

    package init(id: String, runtime: CgroupPath.Runtime? = nil) {
        self.id = id
        self.runtime = runtime
    }

    // MARK: As an answer of the host

    /// The same bytes for the same container.
    package var encoded: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { Array($0) } ?? []
    }

    package init?(encoded bytes: [UInt8]) {
        guard let container = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else { return nil }
        self = container
    }
}

extension HostAnswer {
    /// To `HostQuestion.runtimeState`.
    package func runtimeContainer() throws(RuntimeStateFault) -> RuntimeContainer {
        switch self {
        case .bytes(let bytes):
            guard let container = RuntimeContainer(encoded: bytes) else { throw .malformed }
            return container
        case .failure(let number):
            throw RuntimeStateFault(errno: number)
        }
    }
}
