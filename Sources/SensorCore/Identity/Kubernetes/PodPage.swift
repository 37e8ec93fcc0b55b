// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import NIOCore

/// One page of a list of pods.
struct PodPage: Sendable {
    var pods: [ObservedPod]
    var version: String
    /// Where the next page begins; empty: this is the last one.
    var next: String

    /// - Parameter body: is given back before it is decoded, if nobody else has it: a page is megabytes.
    init(_ body: consuming ByteBuffer, choices: WorkloadChoices, status: ClusterStatusBoard) throws(APIError) {
        let faults = DecodingFaults()
        defer { status.count(faults) }
        let data = Data((consume body).readableBytesView)
        let list: List
        do {
            list = try faults.decoder().decode(List.self, from: data)
        } catch {
            throw APIError(.malformed, "a list that cannot be read")
        }
        guard let version = list.metadata?.resourceVersion, !version.isEmpty else {
            throw APIError(.malformed, "a list without a resource version")
        }
        self.version = version
        next = list.metadata?.next ?? ""
        let objects = list.items ?? []
        pods = objects.compactMap { object in object.wrappedValue.flatMap { ObservedPod($0, choices: choices) } }
        if pods.count < objects.count { status.count(\.malformed, by: UInt64(objects.count - pods.count)) }
    }

    private struct List: Decodable {
        struct Metadata: Decodable {
            @Lenient var resourceVersion: String?
            @Lenient var next: String?

            private enum CodingKeys: String, CodingKey {
                case resourceVersion
                case next = "continue"
            }
        }

        var metadata: Metadata?
        var items: [Lenient<PodObject>]?
    }
}
