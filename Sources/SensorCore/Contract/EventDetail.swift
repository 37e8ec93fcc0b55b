// SPDX-License-Identifier: Apache-2.0

/// What an event was done to. The kind of the event decides the case.
///
/// File events outnumber all others, so their detail stays inline; the others are boxed, which keeps `Event` small.
package enum EventDetail: Sendable {
    case none
    case file(FileDetail)
    indirect case network(NetworkDetail)
    indirect case syscall(SyscallDetail)
    indirect case identity(IdentityDetail)
    case exit(ExitDetail)
    indirect case dns(DNSDetail)
    indirect case toolCall(ToolCallDetail)
    indirect case context(ContextDetail)
    indirect case decision(DecisionDetail)
    indirect case anomaly(AnomalyDetail)

    /// Bytes that it holds outside of itself, about.
    var bytes: Int {
        switch self {
        case .none, .exit: 0
        case .file(let file):
            48 + file.path.bytes.count + (file.newPath?.bytes.count ?? 0) + (file.argumentPath?.bytes.count ?? 0)
        case .network: 384
        case .syscall(let syscall):
            160 + (syscall.path?.bytes.count ?? 0) + syscall.strings.reduce(0) { $0 + 64 + $1.value.bytes.count }
        case .identity: 320
        case .dns(let dns): 192 + 24 * dns.addresses.count
        case .toolCall(let call):
            768 + 96 * call.arguments.count + (call.span == nil ? 0 : 256) + (call.effects?.bytes ?? 0)
        case .context(let context): 256 + 256 * context.sources.count
        case .decision: 384
        case .anomaly: 768
        }
    }
}
