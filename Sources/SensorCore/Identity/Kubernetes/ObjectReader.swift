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
        var missing = Duration.seconds(30)
        /// What a group and version holds.
        var kinds = Duration.seconds(600)
    }

    private static let maximumObjects = 2048
    private static let maximumVersions = 128

    private let client: APIClient
    private let gate: RequestGate
    private let choices: WorkloadChoices
    private let times: Times
    private let log: Logger
    private var objects = ExpiringCache<ObjectReference, ObjectLookup>(limit: maximumObjects)
    private var kinds = ExpiringCache<String, [String: ResourceName]>(limit: maximumVersions)
    /// Answered with 403: asking for the next object of the kind would be, too.
    private var forbidden = ExpiringCache<String, Bool>(limit: maximumObjects)
    private var requests: [ObjectReference: Task<ObjectLookup, any Error>] = [:]
    private var namespaces: [String: Task<ObjectMetadata, any Error>] = [:]
    private var discoveries: [String: Task<[String: ResourceName]?, any Error>] = [:]

    init(_ client: APIClient, _ gate: RequestGate, choices: WorkloadChoices, times: Times, log: Logger) {
        self.client = client
        self.gate = gate
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
        do { return try await value(request) } catch { throw APIError(error) }
    }

    /// Whoever is cancelled takes a request along that others may wait for: that happens at the end alone.
    private func value<Value: Sendable>(_ request: Task<Value, any Error>) async throws -> Value {
        try await withTaskCancellationHandler {
            try await request.value
        } onCancel: {
            request.cancel()
        }
    }

    private func fetch(_ reference: ObjectReference, _ namespace: String) async throws -> ObjectLookup {
        defer { requests[reference] = nil }
        let answer = try await ask(reference, namespace)
        if case .found = answer {
            objects.set(reference, answer, for: times.found)
        } else {
            objects.set(reference, answer, for: times.missing)
        }
        return answer
    }

    private func ask(_ reference: ObjectReference, _ namespace: String) async throws(APIError) -> ObjectLookup {
        let resource: ResourceName
        switch try await kind(reference) {
        case .resource(let known): resource = known
        case .unknown: return .unknown
        case .forbidden: return .forbidden
        }
        let place = resource.isNamespaced ? namespace : nil
        let scope = "\(reference.apiVersion)/\(resource.plural)/\(place ?? "")"
        if forbidden.value(scope) != nil { return .forbidden }
        do throws(APIError) {
            let path = APIPath.object(reference, resource: resource.plural, namespace: place)
            guard let metadata = try await self.metadata(path, lane: reference.apiVersion, scope: scope) else {
                return .forbidden
            }
            guard metadata.uid == reference.uid else {
                client.status.count(\.missingOwners)
                return .gone
            }
            return .found(ObservedOwner(metadata, choices: choices))
        } catch  where error.kind == .notFound {
            client.status.count(\.missingOwners)
            return .gone
        } catch  where error.kind == .forbidden {
            forbidden.set(scope, true, for: times.missing)
            log.notice(
                "not permitted to read the owners of pods: they are known by reference alone",
                metadata: ["resource": "\(scope)", "error": "\(error)"])
            return .forbidden
        }
    }

    private enum KindLookup {
        case resource(ResourceName)
        /// The server knows no such kind.
        case unknown
        case forbidden
    }

    /// What the kind is called in paths.
    private func kind(_ reference: ObjectReference) async throws(APIError) -> KindLookup {
        if let known = ResourceName.builtIn(reference) { return .resource(known) }
        let version = reference.apiVersion
        if let known = kinds.value(version) { return known[reference.kind].map { .resource($0) } ?? .unknown }
        if forbidden.value(version) != nil { return .forbidden }
        let request: Task<[String: ResourceName]?, any Error>
        if let running = discoveries[version] {
            request = running
        } else {
            request = Task { try await self.discover(version) }
            discoveries[version] = request
        }
        do {
            let names = try await value(request)
            return names.map { $0[reference.kind].map { .resource($0) } ?? .unknown } ?? .forbidden
        } catch { throw APIError(error) }
    }

    /// What a group and version holds; nil: that is not to be known.
    private func discover(_ version: String) async throws(APIError) -> [String: ResourceName]? {
        defer { discoveries[version] = nil }
        do throws(APIError) {
            let body = try await get(APIPath.resources(of: version), lane: version)
            let names = try decode(APIResourceList.self, body).names
            kinds.set(version, names, for: times.kinds)
            return names
        } catch  where error.kind == .notFound {
            kinds.set(version, [:], for: times.missing)
            return [:]
        } catch  where error.kind == .forbidden {
            forbidden.set(version, true, for: times.missing)
            return nil
        }
    }

    /// Of a namespace, not remembered.
    func namespace(_ name: String) async throws(APIError) -> ObjectMetadata {
        let request: Task<ObjectMetadata, any Error>
        if let running = namespaces[name] {
            request = running
        } else {
            request = Task { try await self.fetch(namespace: name) }
            namespaces[name] = request
        }
        do { return try await value(request) } catch { throw APIError(error) }
    }

    private func fetch(namespace name: String) async throws -> ObjectMetadata {
        defer { namespaces[name] = nil }
        let body = try await get(APIPath.namespace(name), lane: "v1/namespaces", accept: APIClient.metadataOnly)
        return try decode(MetadataObject.self, body).metadata
    }

    /// - Parameter scope: nil is returned where this has turned out to be forbidden before the request had its turn.
    private func metadata(_ path: String, lane: String, scope: String) async throws(APIError) -> ObjectMetadata? {
        let pass = try await gate.enter(lane, path)
        if forbidden.value(scope) != nil {
            await gate.giveBack(pass)
            return nil
        }
        let body = try await get(path, pass, accept: APIClient.metadataOnly)
        return try decode(MetadataObject.self, body).metadata
    }

    private func get(_ path: String, lane: String, accept: String = "application/json") async throws(APIError)
        -> ByteBuffer
    {
        try await get(path, try await gate.enter(lane, path), accept: accept)
    }

    private func get(_ path: String, _ pass: RequestGate.Pass, accept: String) async throws(APIError) -> ByteBuffer {
        client.status.count(\.objectGets)
        do throws(APIError) {
            let body = try await client.get(path, accept: accept)
            await gate.leave(pass)
            return body
        } catch {
            client.status.count(error)
            throw await gate.leave(pass, error)
        }
    }

    private func decode<Object: Decodable>(_ type: Object.Type, _ body: ByteBuffer) throws(APIError) -> Object {
        let faults = DecodingFaults()
        defer { client.status.count(faults) }
        do {
            return try faults.decoder().decode(type, from: Data(body.readableBytesView))
        } catch {
            let error = APIError(.malformed, "an answer that cannot be read")
            client.status.count(error)
            throw error
        }
    }
}
