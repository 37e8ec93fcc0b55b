// SPDX-License-Identifier: Apache-2.0

extension ToolCallMessage {
    /// Members that are not known are passed over.
    init(_ json: JSONValue) throws(JSONFields.Fault) {
        let fields = try JSONFields(json)
        var type: String?
        self.init(type: "")
        try fields.forEach { name, field throws(JSONFields.Fault) in
            switch name {
            case "type": type = try field.text()
            case "seq": seq = try field.integer()
            case "protocol": `protocol` = try field.integer()
            case "agent": agent = try Agent(field.fields())
            case "session": session = try field.text()
            case "epoch": epoch = try field.integer()
            case "call": call = try Call(field)
            case "initiator": initiator = try ToolCallDetail.Initiator(field.fields())
            case "authority": authority = try Authority(field.fields())
            case "impact": impact = try field.text()
            case "scope":
                guard let scope = CallScope(rawValue: try field.text()) else { throw field.senseless }
                self.scope = scope
            case "threadId": threadId = try field.integer()
            case "status": status = try field.text()
            case "error": error = try field.text()
            case "bootTime": bootTime = try field.decimal()
            case "patience": patience = try field.decimal()
            default: try takeReport(name, field)
            }
        }
        guard let type else { throw fields.missing("type") }
        self.type = type
    }

    /// What messages have that are no calls.
    private mutating func takeReport(_ name: String, _ field: JSONField) throws(JSONFields.Fault) {
        switch name {
        case "id": id = try field.text()
        case "turn": turn = try field.integer()
        case "sources":
            sources = try field.list { item throws(JSONFields.Fault) in try Source(item.fields()) }
        case "policy": policy = try field.text()
        case "outcome": outcome = try field.text()
        case "by": by = try field.text()
        case "server": server = try Server(field.fields())
        case "tools": tools = try field.list { item throws(JSONFields.Fault) in try Tool(item.fields()) }
        case "part": part = try field.integer()
        case "parts": parts = try field.integer()
        case "provider": provider = try field.text()
        case "requested": requested = try field.text()
        case "responding": responding = try field.text()
        case "kind": kind = try field.text()
        case "from": from = try field.text()
        case "to": to = try field.text()
        default: break
        }
    }
}

extension ToolCallMessage.Call {
    /// An object, or its id alone.
    fileprivate init(_ field: JSONField) throws(JSONFields.Fault) {
        if case .text(let id) = field.value {
            self.init(id: id)
            return
        }
        let fields = try field.fields()
        var id: String?
        self.init(id: "")
        try fields.forEach { name, field throws(JSONFields.Fault) in
            switch name {
            case "id": id = try field.text()
            case "name": self.name = try field.text()
            case "type": type = try field.text()
            case "arguments": arguments = CallArguments(field.value)
            case "context": context = try field.text()
            case "parent": parent = try field.text()
            case "traceparent": traceparent = try field.text()
            default: break
            }
        }
        guard let id else { throw fields.missing("id") }
        self.id = id
    }
}

extension ToolCallMessage.Agent {
    fileprivate init(_ fields: JSONFields) throws(JSONFields.Fault) {
        self.init()
        try fields.forEach { name, field throws(JSONFields.Fault) in
            switch name {
            case "name": self.name = try field.text()
            case "version": version = try field.text()
            case "framework": framework = try field.text()
            default: break
            }
        }
    }
}

extension ToolCallDetail.Initiator {
    fileprivate init(_ fields: JSONFields) throws(JSONFields.Fault) {
        var kind: String?
        self.init(kind: "")
        try fields.forEach { name, field throws(JSONFields.Fault) in
            switch name {
            case "kind": kind = try field.text()
            case "id": id = try field.text()
            case "onBehalfOf": onBehalfOf = try field.text()
            default: break
            }
        }
        guard let kind else { throw fields.missing("kind") }
        self.kind = kind
    }
}

extension ToolCallMessage.Authority {
    fileprivate init(_ fields: JSONFields) throws(JSONFields.Fault) {
        self.init()
        try fields.forEach { name, field throws(JSONFields.Fault) in
            switch name {
            case "grant": grant = try field.text()
            case "scopes": scopes = try field.texts()
            case "issuedAt": issuedAt = try Self.time(field)
            case "expiresAt": expiresAt = try Self.time(field)
            case "approval": approval = try Approval(field.fields())
            default: break
            }
        }
    }

    private static func time(_ field: JSONField) throws(JSONFields.Fault) -> UInt64 {
        if let seconds = field.value.double {
            guard seconds >= 0 else { throw field.senseless }
            return WallTime.nanoseconds(ofSeconds: UInt64(min(seconds, 1e18)))
        }
        guard let time = WallTime.parse(try field.text()) else { throw field.senseless }
        return time
    }
}

extension ToolCallMessage.Authority.Approval {
    fileprivate init(_ fields: JSONFields) throws(JSONFields.Fault) {
        self.init()
        try fields.forEach { name, field throws(JSONFields.Fault) in
            switch name {
            case "id": id = try field.text()
            case "kind": kind = try field.text()
            default: break
            }
        }
    }
}

extension ToolCallMessage.Source {
    fileprivate init(_ fields: JSONFields) throws(JSONFields.Fault) {
        var kind: String?
        self.init(kind: "")
        try fields.forEach { name, field throws(JSONFields.Fault) in
            switch name {
            case "kind": kind = try field.text()
            case "uri": uri = try field.text()
            case "digest": digest = Self.digest(field)
            default: break
            }
        }
        guard let kind else { throw fields.missing("kind") }
        self.kind = kind
    }

    /// A word, or an object with it as the value.
    private static func digest(_ field: JSONField) -> String? {
        switch field.value {
        case .text(let text): return text
        case .object(let members):
            guard case .text(let text)? = members.last(where: { $0.name == "value" })?.value else { return nil }
            return text
        case .null, .boolean, .number, .list: return nil
        }
    }
}

extension ToolCallMessage.Server {
    fileprivate init(_ fields: JSONFields) throws(JSONFields.Fault) {
        var found: String?
        self.init(name: "")
        try fields.forEach { name, field throws(JSONFields.Fault) in
            switch name {
            case "name": found = try field.text()
            case "version": version = try field.text()
            case "transport": transport = try field.text()
            default: break
            }
        }
        guard let found else { throw fields.missing("name") }
        self.name = found
    }
}

extension ToolCallMessage.Tool {
    /// A schema that is none has no properties.
    fileprivate init(_ fields: JSONFields) throws(JSONFields.Fault) {
        var found: String?
        self.init(name: "", parameters: [])
        try fields.forEach { name, field throws(JSONFields.Fault) in
            switch name {
            case "name": found = try field.text()
            case "inputSchema": parameters = Self.properties(field.value)
            default: break
            }
        }
        guard let found else { throw fields.missing("name") }
        self.name = found
    }

    private static func properties(_ schema: JSONValue) -> [String] {
        guard case .object(let members) = schema, let found = members.last(where: { $0.name == "properties" }),
            case .object(let properties) = found.value
        else { return [] }
        return Set(properties.map(\.name)).sorted()
    }
}
