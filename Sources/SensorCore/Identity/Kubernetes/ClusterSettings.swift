// SPDX-License-Identifier: Apache-2.0

/// How a `ClusterWatch` works, with the defaults.
package struct ClusterSettings: Sendable {
    /// As the API server knows the node (`spec.nodeName`).
    package var node: String
    /// Display name of the cluster; empty for none.
    package var cluster = ""
    package var choices = WorkloadChoices()
    /// File that keeps what is known over a restart; nil: nothing is kept.
    package var cacheFile: String?
    /// Pods that are known at a time; a node of Kubernetes has 110 or 250 as a rule.
    package var maximumPods = 4096

    var limits = APIClient.Limits()
    var backoff = Backoff.Bounds()
    var readerTimes = ObjectReader.Times()
    var requests = RequestGate.Limits()
    /// For one owner, until the whole answer is there.
    var ownerTimeout = Duration.seconds(5)
    /// How long the first list waits for the cluster's id, which is part of every subject's key.
    var identityWait = Duration.seconds(1)
    /// How long a deleted pod is kept that waits for its owner.
    var leavingTime = Duration.seconds(60)
    /// Between two looks at ReplicaSets and Jobs that could not be read, at most.
    var retryInterval = Duration.seconds(50)
    var pageSize = 100
    /// How long the server keeps a watch open: so many seconds, to twice as many.
    var watchSeconds = 300.0
    /// A watch that ends earlier proves nothing: it is followed by a wait that grows.
    var shortWatch = Duration.seconds(5)
    /// How long the server may fail until what is known is called stale; longer than `shortWatch`, which it takes to see
    /// that it does not fail any more.
    var staleAfter = Duration.seconds(10)
    /// Between two writings of the cache, at least.
    var cacheInterval = Duration.seconds(5)
    /// Between two looks at namespaces, and at all owners that could not be read; a tenth
    /// more or less by chance.
    var refreshInterval = Duration.seconds(600)

    package init(node: String) { self.node = node }
}
