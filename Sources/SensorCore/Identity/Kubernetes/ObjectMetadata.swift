// SPDX-License-Identifier: Apache-2.0

/// The `metadata` of any object of the API, as far as it is of use here.
struct ObjectMetadata: Decodable, Sendable {
    /// Who manages an object, of those that own it.
    enum Manager: Sendable, Equatable {
        case nobody
        case object(ObjectReference)
        /// The object does not say readably who, or whether anybody does.
        case unreadable
    }

    /// Who owns an object, as the object says it.
    private struct OwnerReference: Decodable, Sendable {
        @Lenient var apiVersion: String?
        @Lenient var kind: String?
        @Lenient var name: String?
        @Lenient var uid: String?
        var controller: Flag?

        /// nil where something is missing that a reference cannot be without.
        var reference: ObjectReference? {
            guard let apiVersion, let kind, let name, let uid, !kind.isEmpty, !name.isEmpty, !uid.isEmpty else {
                return nil
            }
            return ObjectReference(apiVersion: apiVersion, kind: kind, name: name, uid: uid)
        }
    }

    /// Unlike what is not there, nil is of another type.
    private struct Flag: Decodable, Sendable {
        @Lenient var value: Bool?

        init(from decoder: any Decoder) { _value = Lenient(from: decoder) }
    }

    private struct Owners: Decodable, Sendable {
        /// nil: cannot be read.
        var elements: [OwnerReference?]?

        init(from decoder: any Decoder) {
            elements = Lenient<[Lenient<OwnerReference>]>(from: decoder).wrappedValue?.map(\.wrappedValue)
        }

        var manager: Manager {
            guard let elements else { return .unreadable }
            if let controller = elements.first(where: { $0?.controller?.value == true }) {
                return controller?.reference.map { .object($0) } ?? .unreadable
            }
            let isReadable = elements.allSatisfy { owner in
                guard let owner else { return false }
                return owner.controller.map { $0.value != nil } ?? true
            }
            return isReadable ? .nobody : .unreadable
        }
    }

    @Lenient var name: String?
    @Lenient var namespace: String?
    @Lenient var uid: String?
    @Lenient var resourceVersion: String?
    @Lenient var generateName: String?
    @Lenient private var labelTexts: [String: Lenient<String>]?
    @Lenient private var annotationTexts: [String: Lenient<String>]?
    private var owners: Owners?

    private enum CodingKeys: String, CodingKey {
        case name, namespace, uid, resourceVersion, generateName
        case labelTexts = "labels"
        case annotationTexts = "annotations"
        case owners = "ownerReferences"
    }

    var labels: [String: String] { labelTexts?.compactMapValues(\.wrappedValue) ?? [:] }
    var annotations: [String: String] { annotationTexts?.compactMapValues(\.wrappedValue) ?? [:] }

    func label(_ name: String) -> String? { labelTexts?[name]?.wrappedValue.flatMap { $0.isEmpty ? nil : $0 } }
    func annotation(_ name: String) -> String? {
        annotationTexts?[name]?.wrappedValue.flatMap { $0.isEmpty ? nil : $0 }
    }

    var manager: Manager { owners?.manager ?? .nobody }
}

/// An object that consists of its metadata alone, whatever else the server sends of it.
struct MetadataObject: Decodable, Sendable {
    var metadata: ObjectMetadata
}

/// Names one object for good: the UID is never used again, as a name is.
struct ObjectReference: Sendable, Hashable {
    /// `apps/v1`; `v1` for the core group.
    var apiVersion: String
    var kind: String
    var name: String
    var uid: String

    /// Empty for the core group.
    var group: String {
        apiVersion.firstIndex(of: "/").map { String(apiVersion[..<$0]) } ?? ""
    }

    var owner: PodIdentity.Owner { PodIdentity.Owner(group: group, kind: kind, name: name, uid: uid) }
}
