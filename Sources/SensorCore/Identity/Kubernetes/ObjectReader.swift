// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Logging
internal import NIOCore

/// Reads single objects by reference, as metadata only, and remembers the answers.
actor ObjectReader {
    struct Times: Sendable {
        /// An owner's own owner changes hardly ever.
        var found = Duration.seconds(600)
        /// What is not there, or not to be seen, may be later.
        var missing = Duration.seconds(60)
        /// What a group and version holds.
        var kinds = Duration.seconds(600)
    }

    private static let maximumObjects = 2048
    private static let maximumVersions = 128

    private let client: APIClient
    private let choices: WorkloadChoices
    private let times: Times
    private let log: Logger
    private var objects = ExpiringCache<ObjectReference, ObjectLookup>(limit: maximumObjects)
    private var kinds = ExpiringCache<String, [String: ResourceName]>(limit: maximumVersions)
    /// Answered with 403: asking for the next object of the kind would be, too.
    private var forbidden = ExpiringCache<String, Bool>(limit: maximumObjects)
    private var requests: [ObjectReference: Task<ObjectLookup, any Error>] = [:]

    init(_ client: APIClient, choices: WorkloadChoices, times: Times, log: Logger) {
        self.client = client
        self.choices = choices
        self.times = times
        self.log = log
    }

    /// - Throws: what may be over when asked again.
    func look(_ reference: ObjectReference, namespace: String) async throws(APIError) -> ObjectLookup {
        if let known = objects.value(reference) {
            client.status.count(\.cacheHits)
            return known
        }
        let request: Task<ObjectLookup, any Error>
        if let running = requests[reference] {
            client.status.count(\.cacheHits)
            request = running
        } else {
            request = Task { try await self.fetch(reference, namespace) }
            requests[reference] = request
        }
        do {
            let answer = try await request.value
            requests[reference] = nil
            return answer
        } catch {
            requests[reference] = nil
            throw APIError(error)
        }
    }

    private func fetch(_ reference: ObjectReference, _ namespace: String) async throws -> ObjectLookup {
        let answer = try await ask(reference, namespace)
        if case .found = answer {
            objects.set(reference, answer, for: times.found)
        } else {
            objects.set(reference, answer, for: times.missing)
        }
        return answer
    }

    private func ask(_ reference: ObjectReference, _ namespace: String) async throws(APIError) -> ObjectLookup {
        guard let resource = try await resource(reference) else { return .hidden }
        let place = resource.isNamespaced ? namespace : nil
        let scope = "\(reference.apiVersion)/\(resource.plural)/\(place ?? "")"
        if forbidden.value(scope) != nil { return .hidden }
        do throws(APIError) {
            let path = APIPath.object(reference, resource: resource.plural, namespace: place)
            let metadata = try await self.metadata(path)
            guard metadata.uid == reference.uid else {
                client.status.count(\.missingOwners)
                return .gone
            }
            return .found(ObservedOwner(metadata, choices: choices))
        } catch  where error.kind == .notFound {
            client.status.count(\.missingOwners)
            return .gone
        } catch  where error.kind == .forbidden {
            forbidden.set(scope, true, for: times.missing * 5)
            log.notice(
                "not permitted to read the owners of pods: they are known by reference alone",
                metadata: ["resource": "\(scope)", "error": "\(error)"])
            return .hidden
        }
    }

    /// What the kind is called in paths; nil: the server knows no such kind.
    private func resource(_ reference: ObjectReference) async throws(APIError) -> ResourceName? {
        if let known = ResourceName.builtIn(reference) { return known }
        if let known = kinds.value(reference.apiVersion) { return known[reference.kind] }
        do throws(APIError) {
            client.status.count(\.objectGets)
            let body = try await client.get(APIPath.resources(of: reference.apiVersion))
            let names = try decode(APIResourceList.self, body).names
            kinds.set(reference.apiVersion, names, for: times.kinds)
            return names[reference.kind]
        } catch  where error.kind == .notFound || error.kind == .forbidden {
            client.status.count(error)
            kinds.set(reference.apiVersion, [:], for: times.missing)
            return nil
        } catch {
            client.status.count(error)
            throw error
        }
    }

    /// Of any object, not remembered.
    func metadata(_ path: String) async throws(APIError) -> ObjectMetadata {
        client.status.count(\.objectGets)
        do throws(APIError) {
            let body = try await client.get(path, accept: APIClient.metadataOnly)
            return try decode(MetadataObject.self, body).metadata
        } catch {
            client.status.count(error)
            throw error
        }
    }

    private func decode<Object: Decodable>(_ type: Object.Type, _ body: ByteBuffer) throws(APIError) -> Object {
        let faults = DecodingFaults()
        defer { client.status.count(faults) }
        do {
            return try faults.decoder().decode(type, from: Data(body.readableBytesView))
        } catch {
            throw APIError(.malformed, "an answer that cannot be read")
        }
    }
}
