// SPDX-License-Identifier: Apache-2.0

/// Reads the members of a JSON object into fields, and says which of them is not as it has to be.
///
/// A member that is null is not there.
struct JSONFields {
    struct Fault: Error, Equatable {
        var description: String
    }

    /// Where the object stands in the message, with a dot behind it; empty for the message itself.
    private let path: String
    private let members: [JSONValue.Member]

    init(_ value: JSONValue, path: String = "") throws(Fault) {
        guard case .object(let members) = value else {
            throw Fault(description: path.isEmpty ? "no JSON object" : "\(path.dropLast()) is of the wrong type")
        }
        self.path = path
        self.members = members
    }

    /// Calls with one member after the other, so that an object of many costs no more than reading it did.
    func forEach(_ body: (String, JSONField) throws(Fault) -> Void) throws(Fault) {
        for member in members {
            if case .null = member.value { continue }
            try body(member.name, JSONField(folder: path, name: member.name, value: member.value))
        }
    }

    func missing(_ name: String) -> Fault { Fault(description: "\(path)\(name) is missing") }
}

/// A member of an object, and where it stands.
struct JSONField {
    /// Where the object stands that it is a member of, with a dot behind it.
    fileprivate let folder: String
    fileprivate let name: String
    let value: JSONValue

    /// Only wanted where something is wrong.
    var path: String { folder + name }

    private var wrongType: JSONFields.Fault { .init(description: "\(path) is of the wrong type") }

    var senseless: JSONFields.Fault { .init(description: "\(path) cannot be understood") }

    func text() throws(JSONFields.Fault) -> String {
        guard case .text(let text) = value else { throw wrongType }
        return text
    }

    func integer<Integer: FixedWidthInteger>(as type: Integer.Type = Integer.self) throws(JSONFields.Fault) -> Integer {
        guard case .number = value else { throw wrongType }
        guard let integer = value.integer, let number = Integer(exactly: integer) else { throw senseless }
        return number
    }

    /// A number that may be too large for whoever wrote it, and is a text then.
    func decimal() throws(JSONFields.Fault) -> UInt64 {
        guard case .text(let text) = value else { return try integer() }
        guard let number = UInt64(text) else { throw senseless }
        return number
    }

    func texts() throws(JSONFields.Fault) -> [String] {
        try list { field throws(JSONFields.Fault) in try field.text() }
    }

    func list<Element>(
        _ element: (JSONField) throws(JSONFields.Fault) -> Element
    ) throws(JSONFields.Fault) -> [Element] {
        guard case .list(let items) = value else { throw wrongType }
        var elements: [Element] = []
        elements.reserveCapacity(items.count)
        for item in items { elements.append(try element(JSONField(folder: folder, name: name, value: item))) }
        return elements
    }

    func fields() throws(JSONFields.Fault) -> JSONFields { try JSONFields(value, path: path + ".") }
}
