// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import NIOCore

/// One line of a watch on pods.
enum WatchEvent: Sendable {
    /// Added or modified. nil: a pod that cannot be attributed.
    case pod(ObservedPod?, version: String?)
    /// `last`: as it was in the end; nil: a pod that cannot be attributed.
    case deleted(uid: String, last: ObservedPod?, version: String?)
    /// Nothing has happened until this version.
    case bookmark(version: String)
    case failed(APIError)
    /// Of a type that is not known here: skipped.
    case other(version: String?)

    /// - Throws: when the line is no event at all.
    init(_ line: ByteBuffer, choices: WorkloadChoices, status: ClusterStatusBoard) throws(APIError) {
        let faults = DecodingFaults()
        defer { status.count(faults) }
        let decoder = faults.decoder()
        let data = Data(line.readableBytesView)
        do {
            let type = try decoder.decode(TypeOnly.self, from: data).type
            switch type {
            case "ADDED", "MODIFIED":
                let pod = try decoder.decode(Envelope<PodObject>.self, from: data).object
                self = .pod(ObservedPod(pod, choices: choices), version: pod.metadata.resourceVersion)
            case "DELETED":
                let pod = try decoder.decode(Envelope<PodObject>.self, from: data).object
                let version = pod.metadata.resourceVersion
                self =
                    pod.metadata.uid.map {
                        .deleted(uid: $0, last: ObservedPod(pod, choices: choices), version: version)
                    } ?? .other(version: version)
            case "BOOKMARK":
                let metadata = try decoder.decode(Envelope<MetadataObject>.self, from: data).object.metadata
                self = metadata.resourceVersion.map { .bookmark(version: $0) } ?? .other(version: nil)
            case "ERROR":
                let problem = try decoder.decode(Envelope<APIStatus>.self, from: data).object
                self = .failed(APIError(problem))
            default: self = .other(version: nil)
            }
        } catch {
            throw APIError(.malformed, "an event that cannot be read")
        }
    }

    private struct TypeOnly: Decodable { var type: String }
    private struct Envelope<Object: Decodable>: Decodable { var object: Object }
}
