// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct InboxPortionsTests {
    private func put(_ sets: ClosedRange<UInt32>, in inbox: CallInbox) {
        for set in sets { _ = inbox.put(.closed(set)) }
    }

    @Test func `what has come is taken a portion at a time, in its order`() {
        let inbox = CallInbox()
        var portions = InboxPortions(inbox, size: 3)
        #expect(portions.take().isEmpty && !portions.hasMore)
        put(1...7, in: inbox)
        #expect(portions.take() == [.closed(1), .closed(2), .closed(3)])
        #expect(portions.hasMore)
        put(8...8, in: inbox)
        #expect(portions.take() == [.closed(4), .closed(5), .closed(6)])
        // What came meanwhile is next: nobody is told of it again.
        #expect(portions.take() == [.closed(7)])
        #expect(portions.hasMore)
        #expect(portions.take() == [.closed(8)])
        #expect(!portions.hasMore && portions.take().isEmpty)
    }

    @Test func `what is not taken yet still counts as waiting`() {
        let inbox = CallInbox()
        var portions = InboxPortions(inbox, size: 1)
        put(1...2, in: inbox)
        _ = portions.take()
        put(3...4, in: inbox)
        #expect(inbox.backlog == CallInbox.Backlog(takes: 1, changes: 2))
    }
}
