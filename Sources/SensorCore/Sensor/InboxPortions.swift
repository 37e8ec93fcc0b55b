// SPDX-License-Identifier: Apache-2.0

/// Takes what is in an inbox a portion at a time, so that something else can be done in between. For one thread.
struct InboxPortions {
    private let inbox: CallInbox
    private let size: Int
    private var rest: ArraySlice<CallChange> = []

    init(_ inbox: CallInbox, size: Int) {
        self.inbox = inbox
        self.size = size
    }

    /// There is more, of which nobody will be told once again.
    var hasMore: Bool { !rest.isEmpty }

    mutating func take() -> ArraySlice<CallChange> {
        if rest.isEmpty { rest = inbox.take()[...] }
        let portion = rest.prefix(size)
        rest = rest.dropFirst(size)
        // Whoever put something in while there was more has woken nobody who slept.
        if rest.isEmpty { rest = inbox.take()[...] }
        return portion
    }
}
