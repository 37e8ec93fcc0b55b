// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

extension PostureFactKey {
    init(_ key: FactKey) {
        self.init()
        let values = key.values
        if key.kind == .sequence {
            tools = values.map(\.text)
        } else {
            for (field, value) in zip(key.kind.fields, values) { self[field] = value.text }
        }
        if String(validating: key.bytes, as: UTF8.self) == nil { raw = Data(key.bytes) }
    }

    /// A field as text.
    private(set) subscript(field: FactKey.Field) -> String {
        get {
            switch field {
            case .peer: peer
            case .port: hasPort ? String(port) : ""
            case .transport: transport
            case .path: path
            case .access: access.joined(separator: ",")
            case .arguments: arguments
            case .parent: parent
            case .name: name
            case .what: what
            case .type: type
            case .tool: tools.first ?? ""
            case .change: change
            case .from: from
            case .to: to
            }
        }
        set {
            switch field {
            case .peer: peer = newValue
            case .port: if let number = UInt32(newValue) { port = number }
            case .transport: transport = newValue
            case .path: path = newValue
            case .access: access = newValue.split(separator: ",").map(String.init)
            case .arguments: arguments = newValue
            case .parent: parent = newValue
            case .name: name = newValue
            case .what: what = newValue
            case .type: type = newValue
            case .tool: tools = newValue.isEmpty ? [] : [newValue]
            case .change: change = newValue
            case .from: from = newValue
            case .to: to = newValue
            }
        }
    }
}

extension FactKey {
    /// - Parameter isFolded: of `Fact.folded`.
    init(_ message: PostureFactKey, kind: FactKind, isFolded: Bool = false) {
        if !message.raw.isEmpty {
            self.init(kind, bytes: Array(message.raw))
        } else if kind == .sequence {
            self.init(kind, message.tools.map { ByteString($0) })
        } else {
            self.init(kind, kind.fields.map { ByteString(message[$0]) })
        }
        if isFolded, !self.isFolded { self = FactKey(kind, bytes: bytes + [0]) }
    }
}

extension FactKind {
    /// nil: this version does not know it.
    package init?(name: String) {
        guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }
}

extension PostureSubject {
    package init(_ subject: SubjectKey) {
        self.init()
        cluster = subject.cluster
        namespace = subject.namespace
        group = subject.group
        kind = subject.kind
        name = subject.name
        container = subject.container
        containerType = subject.containerType
    }
}

extension SubjectKey {
    package init(_ message: PostureSubject) {
        self.init(
            cluster: message.cluster, namespace: message.namespace, group: message.group, kind: message.kind,
            name: message.name, container: message.container, containerType: message.containerType)
    }
}
