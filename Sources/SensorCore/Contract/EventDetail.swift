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

    /// Bytes that it holds outside of itself, about.
    var bytes: Int {
        switch self {
        case .none, .exit: 0
        case .file(let file):
            48 + file.path.bytes.count + (file.newPath?.bytes.count ?? 0) + (file.argumentPath?.bytes.count ?? 0)
        case .network: 384
        case .syscall: 160
        case .identity: 320
        case .dns(let dns): 192 + 24 * dns.addresses.count
        case .toolCall(let call): 384 + (call.span == nil ? 0 : 256) + (call.effects?.bytes ?? 0)
        }
    }
}
