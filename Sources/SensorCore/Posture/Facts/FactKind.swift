// SPDX-License-Identifier: Apache-2.0

/// What kind of thing a fact says. The raw values go into state on disk.
package enum FactKind: UInt8, Sendable, CaseIterable {
    /// Connected or sent to.
    case egress = 1
    /// Listened, or was connected to.
    case ingress = 2
    /// Used a file.
    case file = 3
    /// Ran a program.
    case process = 4
    /// Used a system call, for the first time or a notable one.
    case syscall = 5
    /// Asked for a name.
    case dns = 6
    /// Called a tool.
    case tool = 7
    /// Did something for a tool call.
    case effect = 8
    /// Called tools one after the other.
    case sequence = 9
    /// Showed its model what came from somewhere.
    case context = 10
    /// Changed who or where it is.
    case identity = 20
    /// Used a file that holds a credential.
    case credential = 21
    /// Spoke to a cloud's metadata service.
    case metadata = 22
    /// Changed mode, account, credential or connection in its harness.
    case hop = 23
    /// Had a policy asked.
    case decision = 24
    /// Mapped code.
    case library = 30
    case model = 31
    /// Was offered a tool.
    case catalog = 32

    package var discipline: Discipline {
        switch self {
        case .egress, .ingress, .file, .process, .syscall, .dns, .tool, .effect, .sequence, .context: .behavioral
        case .identity, .credential, .metadata, .hop, .decision: .identity
        case .library, .model, .catalog: .model
        }
    }

    /// The name that users and other programs see.
    package var name: String { Self.names[Int(rawValue)] }

    /// By raw value. What an enumeration calls its cases takes reflection, which is too dear for each fact that is told.
    private static let names = {
        var names = [String](repeating: "", count: 256)
        for kind in allCases { names[Int(kind.rawValue)] = "\(kind)" }
        return names
    }()

    /// Names of what its key is made of, in that order.
    var fields: [FactKey.Field] {
        switch self {
        case .egress: [.peer, .port, .transport]
        case .ingress: [.peer, .port, .transport]
        case .file: [.path, .access]
        case .process: [.path, .arguments, .parent]
        case .syscall: [.name, .what]
        case .dns: [.name, .type]
        case .tool: [.name, .arguments, .type]
        case .effect: [.tool, .type, .what, .access]
        case .sequence: [.tool]
        case .context: [.type, .what]
        case .identity: [.change, .from, .to]
        case .credential: [.type, .path, .access]
        case .metadata: [.name, .peer]
        case .hop: [.type, .from, .to]
        case .decision: [.name, .what]
        case .library: [.path]
        case .model: [.name, .from, .to]
        case .catalog: [.name, .transport, .tool, .arguments]
        }
    }

    /// Facts of it that a subject has room for, of so many in all. No kind takes another's room: of some anybody can make as
    /// many as he likes.
    func limit(of facts: Int) -> Int {
        switch self {
        case .file: facts * 16 / 40
        case .egress: facts * 5 / 40
        case .process, .effect, .library: facts * 4 / 40
        case .ingress, .dns: facts * 2 / 40
        case .syscall: 400
        case .tool, .sequence, .context, .identity, .credential, .metadata, .hop, .decision, .model, .catalog: 100
        }
    }
}

/// Through whose eyes a record is read.
package enum Discipline: UInt8, Sendable, CaseIterable {
    case behavioral = 1
    case identity = 2
    case model = 3

    package var name: String {
        switch self {
        case .behavioral: "behavioral"
        case .identity: "identity"
        case .model: "model"
        }
    }
}
