// SPDX-License-Identifier: Apache-2.0

import Logging
import SensorCore

extension CollectorSummary {
    /// What collecting came to, for the log.
    var metadata: Logger.Metadata {
        var metadata: Logger.Metadata = [
            "events": "\(statistics.events)", "lost": "\(losses.lost)",
            "cpuMilliseconds": "\(ProcessorTime.milliseconds)",
        ]
        for (hook, count) in losses.lostByHook {
            metadata["lost.\(Via(rawValue: hook)?.name ?? "\(hook)")"] = "\(count)"
        }
        for (reason, count) in losses.incompleteByReason { metadata["incomplete.\(reason.name)"] = "\(count)" }
        for (name, count) in blindOperations {
            metadata["blind.\(name.replacing(" ", with: "_"))"] = "\(count)"
        }
        // Not the daemon's: the events themselves were counted.
        let copies = losses.lostForTailsOnly
        if copies > 0 { metadata["tailsMissed"] = "\(copies)" }
        return metadata
    }
}
