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
}
