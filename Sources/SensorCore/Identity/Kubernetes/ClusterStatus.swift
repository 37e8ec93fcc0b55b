// SPDX-License-Identifier: Apache-2.0

/// How well the cluster is known, for those who report it: `/readyz`, `/metrics`, coverage.
package struct ClusterStatus: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        /// No API server is configured.
        case disabled
        /// The first list is under way.
        case syncing
        /// Every pod of this node is known as the API server has it.
        case synced
        /// The API server cannot be reached: what was known is used on.
        case stale
        /// It does not let this program list or watch pods (401, 403): what was known is used on.
        case refused
    }

    /// Since the start; they only grow.
    package struct Counters: Sendable, Equatable {
        /// Complete lists of this node's pods.
        package var lists: UInt64 = 0
        /// Watches that the server has opened.
        package var watches: UInt64 = 0
        /// Lists made since a resource version had become too old, or an event could not be read.
        package var relists: UInt64 = 0
        package var events: UInt64 = 0
        package var bookmarks: UInt64 = 0
        /// Requests for single owners, namespaces and kinds.
        package var objectGets: UInt64 = 0
        /// Owners that needed no request.
        package var cacheHits: UInt64 = 0
        /// Objects and events that could not be read, or lacked what they cannot be without.
        package var malformed: UInt64 = 0
        /// Fields that were not of their type, in objects that were of use still.
        package var malformedFields: UInt64 = 0
        package var ownerLoops: UInt64 = 0
        /// Owners that are not there any more, or were replaced by another of the same name.
        package var missingOwners: UInt64 = 0
        /// Pods and owners that do not say readably who manages them.
        package var unreadableOwners: UInt64 = 0
        /// Deleted pods that were not told, because nobody could say in time who owned them.
        package var abandonedPods: UInt64 = 0
        /// Pods of other nodes, which were not asked for.
        package var foreignPods: UInt64 = 0
        /// Requests that the server does not allow.
        package var forbidden: UInt64 = 0
        package var unauthorized: UInt64 = 0
        package var throttled: UInt64 = 0
        /// Lists and watches that failed and were tried again.
        package var failures: UInt64 = 0
        /// Owners that had to be asked for again.
        package var retries: UInt64 = 0
        /// Pods that claimed cgroups which are another's: as static pods that they are not, or that another one is.
        package var refusedClaims: UInt64 = 0
        /// Pods that found no room.
        package var overflow: UInt64 = 0
        package var cacheWrites: UInt64 = 0
        package var cacheFailures: UInt64 = 0

        package init() {}
    }

    package var state: State
    package var since: ContinuousClock.Instant
    /// The last one; empty: none. Kept when it is over, for whoever asks why.
    package var lastError = ""
    /// Why the pods could not be listed or watched the last time; empty: it has never failed.
    package var watchError = ""
    /// Where the last field was that was not of its type: `object.spec.containers`.
    package var malformedField = ""
    package var pods = 0
    /// Of these, whose owner is not known yet, or was not to be read.
    package var unsettledPods = 0
    /// Of these, whose owner the server does not let us see.
    package var forbiddenOwners = 0
    package var clusterID = ""
    package var counters = Counters()

    package init(_ state: State = .disabled, since: ContinuousClock.Instant = .now) {
        self.state = state
        self.since = since
    }
}
