// SPDX-License-Identifier: Apache-2.0

/// A pod as the API server sends it, as far as it is of use here.
struct PodObject: Decodable, Sendable {
    struct Spec: Decodable, Sendable {
        @Lenient var nodeName: String?
        @Lenient var serviceAccountName: String?
        @Lenient var hostNetwork: Bool?
        @Lenient var hostPID: Bool?
        @Lenient var runtimeClassName: String?
        @Lenient var containers: LenientList<Container>?
        @Lenient var initContainers: LenientList<Container>?
        @Lenient var ephemeralContainers: LenientList<Container>?
        @Lenient var volumes: LenientList<Volume>?
    }

    struct Container: Decodable, Sendable {
        struct Mount: Decodable, Sendable {
            @Lenient var name: String?
            @Lenient var mountPath: String?
            @Lenient var subPath: String?
        }

        @Lenient var name: String?
        @Lenient var image: String?
        @Lenient var restartPolicy: String?
        @Lenient var volumeMounts: LenientList<Mount>?
    }

    struct Volume: Decodable, Sendable {
        struct Projected: Decodable, Sendable {
            @Lenient var sources: LenientList<Source>?
        }
        struct Source: Decodable, Sendable {
            @Lenient var serviceAccountToken: Token?
        }
        struct Token: Decodable, Sendable {
            @Lenient var audience: String?
            @Lenient var path: String?
        }

        @Lenient var name: String?
        @Lenient var projected: Projected?
    }

    struct Status: Decodable, Sendable {
        @Lenient var containerStatuses: LenientList<ContainerStatus>?
        @Lenient var initContainerStatuses: LenientList<ContainerStatus>?
        @Lenient var ephemeralContainerStatuses: LenientList<ContainerStatus>?
    }

    struct ContainerStatus: Decodable, Sendable {
        struct State: Decodable, Sendable {
            @Lenient var terminated: Terminated?
        }
        struct Terminated: Decodable, Sendable {
            @Lenient var containerID: String?
        }

        @Lenient var name: String?
        @Lenient var containerID: String?
        @Lenient var image: String?
        @Lenient var imageID: String?
        @Lenient var state: State?
        @Lenient var lastState: State?
    }

    var metadata: ObjectMetadata
    @Lenient var spec: Spec?
    @Lenient var status: Status?
}
