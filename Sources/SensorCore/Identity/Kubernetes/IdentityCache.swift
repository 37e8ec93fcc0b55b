// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Logging

/// What is known of the cluster, on disk: so that an agent that starts while the API server is away knows its node.
struct IdentityCache: Sendable {
    struct Content: Codable, Sendable, Equatable {
        private enum CodingKeys: String, CodingKey { case version, node, server, cluster, pods, origins }

        /// How a pod's controller was found.
        struct Origin: Codable, Sendable, Equatable {
            /// UID of the pod's own owner; empty: it has none.
            var owner: String
            /// As in `OwnerResolution`.
            var isLasting: Bool
        }

        /// The one format that is read.
        static let currentVersion = 2

        var node: String
        /// The `mark` of the endpoint that all of it is from.
        var server: String
        var cluster: String
        var pods: [PodIdentity]
        /// By the pod's UID.
        var origins: [String: Origin]

        init(
            node: String, server: String, cluster: String, pods: [PodIdentity], origins: [String: Origin] = [:]
        ) {
            self.node = node
            self.server = server
            self.cluster = cluster
            self.pods = pods
            self.origins = origins
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            let version = try container.decode(Int.self, forKey: .version)
            guard version == Self.currentVersion else {
                throw DecodingError.dataCorruptedError(
                    forKey: .version, in: container, debugDescription: "version \(version)")
            }
            node = try container.decode(String.self, forKey: .node)
            server = try container.decode(String.self, forKey: .server)
            cluster = try container.decode(String.self, forKey: .cluster)
            pods = try container.decode(LenientList<PodIdentity>.self, forKey: .pods).elements
            origins = (try? container.decode([String: Origin].self, forKey: .origins)) ?? [:]
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(Self.currentVersion, forKey: .version)
            try container.encode(node, forKey: .node)
            try container.encode(server, forKey: .server)
            try container.encode(cluster, forKey: .cluster)
            try container.encode(pods, forKey: .pods)
            try container.encode(origins, forKey: .origins)
        }
    }

    static let maximumBytes = 16 << 20

    let path: String
    let status: ClusterStatusBoard
    let log: Logger

    /// What an earlier run on this node has kept of the same cluster; nil: nothing that is of use. Reads a file.
    func read(node: String, server: String) -> Content? {
        guard SmallFile.exists(path) else { return nil }
        do {
            // Whoever can write it says whose every event of this node is.
            let bytes = try SmallFile.read(path, limit: Self.maximumBytes)
            let content = try JSONDecoder().decode(Content.self, from: Data(bytes))
            guard content.node == node else {
                log.notice("the identity cache is another node's: not used", metadata: ["file": "\(path)"])
                return nil
            }
            guard content.server == server else {
                log.notice(
                    "the identity cache is from another API server, or from before its CA changed: not used",
                    metadata: ["file": "\(path)"])
                return nil
            }
            return content
        } catch {
            let reason = (error as? EndpointError)?.description ?? "damaged, or of another version"
            log.warning("the identity cache is not used", metadata: ["file": "\(path)", "reason": "\(reason)"])
            status.count(\.cacheFailures)
            return nil
        }
    }

    /// Blocks until it is on the disk.
    func write(_ content: Content) {
        do {
            let bytes = [UInt8](try JSONEncoder().encode(content))
            guard bytes.count <= Self.maximumBytes else { throw EndpointError("over \(Self.maximumBytes) bytes") }
            SmallFile.makeDirectory(of: path)
            try SmallFile.replace(path, with: bytes)
            status.count(\.cacheWrites)
        } catch {
            if status.snapshot.counters.cacheFailures == 0 {
                log.warning("cannot keep the identity cache", metadata: ["file": "\(path)", "error": "\(error)"])
            }
            status.count(\.cacheFailures)
        }
    }
}
