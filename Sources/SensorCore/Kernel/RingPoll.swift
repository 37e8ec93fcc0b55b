// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// Sleeps until a program wakes the rings' consumer, a `Waker` is used, or the time is up.
///
/// The rings are watched edge-triggered: a record that was written without a wake-up does not end a sleep, which is
/// what lets records gather.
struct RingPoll: ~Copyable {
    enum Wakeup {
        case ring, waker, timeout
    }

    private let descriptor: Int32
    private let waker: Waker

    init(rings: [Int32], waker: Waker) throws(KernelError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        self.waker = waker
        guard descriptor >= 0 else { throw .systemCall("cannot make an epoll descriptor") }
        for ring in rings { try add(ring, EPOLLIN.rawValue | EPOLLET.rawValue) }
        try add(waker.descriptor, EPOLLIN.rawValue)
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    private func add(_ watched: Int32, _ events: UInt32) throws(KernelError) {
        var event = epoll_event(events: events, data: epoll_data_t(fd: watched))
        guard epoll_ctl(descriptor, EPOLL_CTL_ADD, watched, &event) == 0 else {
            throw .systemCall("cannot watch a ring")
        }
    }

    /// A signal counts as a time-out: the caller looks at its deadline again.
    func wait(milliseconds: Int32) -> Wakeup {
        withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 4) { events in
            let count = epoll_wait(descriptor, events.baseAddress, Int32(events.count), milliseconds)
            guard count > 0 else { return .timeout }
            for event in events[..<Int(count)] where event.data.fd == waker.descriptor {
                waker.reset()
                return .waker
            }
            return .ring
        }
    }
}
