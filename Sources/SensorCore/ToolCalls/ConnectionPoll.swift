// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// Waits until one of many descriptors is ready; who is not costs nothing.
final class ConnectionPoll: Sendable {
    /// What to wait for on a descriptor. That the other end has gone is told in any case.
    struct Interest: OptionSet {
        var rawValue: UInt32
        static let read = Interest(rawValue: EPOLLIN.rawValue)
        static let write = Interest(rawValue: EPOLLOUT.rawValue)
    }

    struct Ready {
        /// As the descriptor was added.
        var number: Int
        /// The other end has gone, or will neither send nor read.
        var hasHungUp: Bool
    }

    /// That one call tells of.
    static let eventLimit = 1024

    private let descriptor: Int32

    init() throws(SystemError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError("epoll_create") }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Until the descriptor is closed.
    ///
    /// - Returns: false: there is no memory for it.
    func add(_ watched: Int32, number: Int, _ interest: Interest) -> Bool {
        control(EPOLL_CTL_ADD, watched, number, interest)
    }

    func change(_ watched: Int32, number: Int, _ interest: Interest) {
        _ = control(EPOLL_CTL_MOD, watched, number, interest)
    }

    private func control(_ operation: Int32, _ watched: Int32, _ number: Int, _ interest: Interest) -> Bool {
        var event = epoll_event(events: interest.rawValue, data: epoll_data_t(u64: UInt64(number)))
        return epoll_ctl(descriptor, operation, watched, &event) == 0
    }

    /// - Parameter milliseconds: below 0: for ever.
    func wait(milliseconds: Int32) -> [Ready] {
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.eventLimit) { events in
            let count = epoll_wait(descriptor, events.baseAddress, Int32(events.count), milliseconds)
            return events[..<Int(max(0, count))].map { event in
                Ready(
                    number: Int(event.data.u64),
                    hasHungUp: event.events & (EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0)
            }
        }
    }
}
