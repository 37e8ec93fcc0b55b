// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import SwiftProtobuf

/// What the programs in the kernel let be seen, as coverage tells it.
struct HookCoverage: Sendable {
    /// As the contract has them, by name.
    private(set) var messages: [PostureHook] = []
    /// Kinds of events that do not come, or not all, and why.
    private(set) var unseen: [EventKind: String] = [:]
    /// What each hook lets be seen, by its name.
    private var hooks: [String: [EventKind]] = [:]

    init() {}

    init(_ programs: [ProgramStatus]) {
        // Iterators are read once, at the start.
        let hooks = programs.filter {
            !$0.section.hasPrefix("iter") && !$0.isAgain && !$0.isReplaced(in: programs)
        }
        messages = hooks.sorted { $0.name < $1.name }.map { program in
            PostureHook.with {
                ($0.name, $0.state) = (program.name, program.state == .attached ? "attached" : "absent")
            }
        }
        self.hooks = Dictionary(hooks.map { ($0.name, Self.kinds(of: $0.hook)) }, uniquingKeysWith: { $1 })
        for program in hooks where program.state != .attached {
            for kind in Self.kinds(of: program.hook) {
                let why = "\(program.name) is not attached: \(program.lossWithout)"
                unseen[kind] = unseen[kind].map { "\($0); \(why)" } ?? why
            }
        }
    }

    /// Why something of a kind of facts is out of sight; nil: nothing is.
    func blindness(of kind: FactKind) -> String? {
        let reasons = Set(kind.sources.compactMap { unseen[$0] })
        return reasons.isEmpty ? nil : reasons.sorted().joined(separator: "; ")
    }

    /// Those that are missing where something of these kinds would be seen.
    func absent(of kind: FactKind?, _ discipline: Discipline) -> [PostureHook] {
        let kinds = kind.map { [$0] } ?? FactKind.allCases.filter { $0.discipline == discipline }
        let sources = Set(kinds.flatMap(\.sources))
        return messages.filter { hook in
            hook.state != "attached" && hooks[hook.name].map { !sources.isDisjoint(with: $0) } ?? false
        }
    }

    /// Events that do not come without a hook. io_uring is not among them: without its hooks the kernel may not have it.
    private static func kinds(of hook: UInt8) -> [EventKind] {
        switch sensor_hook(UInt32(hook)) {
        case SENSOR_HOOK_SYS_EXIT:
            EventKind.allCases.filter { kind in
                kind.isEffect && ![.processExec, .networkConnect, .networkClose, .dnsAnswer].contains(kind)
            }
        case SENSOR_HOOK_PROCESS_EXEC: [.processExec]
        case SENSOR_HOOK_SOCKET_STATE: [.networkConnect, .networkAccept, .networkClose]
        case SENSOR_HOOK_SKB_INGRESS, SENSOR_HOOK_CONNECT4, SENSOR_HOOK_CONNECT6: [.dnsAnswer]
        case SENSOR_HOOK_SENDMSG4, SENSOR_HOOK_SENDMSG6: [.networkSend, .dnsAnswer]
        default: []
        }
    }
}
