// SPDX-License-Identifier: Apache-2.0

import Logging
import SensorCore

extension Logger {
    /// To standard error, as the settings have it.
    ///
    /// - Parameter level: what is less than this is not told, whatever the settings say.
    init(_ settings: Settings, atLeast level: Logger.Level = .trace) {
        self.init(label: "sensord") { label in
            LineLogHandler(label: label, level: settings.logLevel, format: settings.logFormat)
        }
        logLevel = max(logLevel, level)
    }
}
