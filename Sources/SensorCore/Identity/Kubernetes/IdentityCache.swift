// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Logging

/// What is known of the cluster, on disk: so that an agent that starts while the API server is away knows its node.
struct IdentityCache: Sendable {
    struct Content: Codable, Sendable, Equatable {
        private enum CodingKeys: String, CodingKey { case version, node, cluster, pods }

        /// The one format that there is so far.
        static let currentVersion = 1

        var node: String
        var cluster: String
        var pods: [PodIdentity]

        init(node: String, cluster: String, pods: [PodIdentity]) {
            self.node = node
            self.cluster = cluster
            self.pods = pods
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            let version = try container.decode(Int.self, forKey: .version)
            guard version == Self.currentVersion else {
                throw DecodingError.dataCorruptedError(
                    forKey: .version, in: container, debugDescription: "version \(version)")
            }
            node = try container.decode(String.self, forKey: .node)
            cluster = try container.decode(String.self, forKey: .cluster)
            pods = try container.decode(LenientList<PodIdentity>.self, forKey: .pods).elements
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(Self.currentVersion, forKey: .version)
            try container.encode(node, forKey: .node)
            try container.encode(cluster, forKey: .cluster)
            try container.encode(pods, forKey: .pods)
        }
    }

    static let maximumBytes = 16 << 20

    let path: String
    let status: ClusterStatusBoard
    let log: Logger

    /// What an earlier run on this node has kept; nil: nothing that is of use. Reads a file.
    func read(node: String) -> Content? {
        guard SmallFile.exists(path) else { return nil }
        do {
            // Whoever can write it says whose every event of this node is.
            let bytes = try SmallFile.read(path, limit: Self.maximumBytes, isOwn: true)
            let content = try JSONDecoder().decode(Content.self, from: Data(bytes))
            guard content.node == node else {
                log.notice("the identity cache is another node's: not used", metadata: ["file": "\(path)"])
                return nil
            }
            return content
        } catch {
            let reason = (error as? APIEndpointError)?.description ?? "damaged, or of another version"
            log.warning("the identity cache is not used", metadata: ["file": "\(path)", "reason": "\(reason)"])
            status.count(\.cacheFailures)
            return nil
        }
    }

    /// Blocks until it is on the disk.
    func write(_ content: Content) {
        do {
            let bytes = [UInt8](try JSONEncoder().encode(content))
            guard bytes.count <= Self.maximumBytes else { throw APIEndpointError("over \(Self.maximumBytes) bytes") }
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
