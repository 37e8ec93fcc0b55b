// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// What the environment says to this program.
enum Environment {
    static func value(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// The variables that are settings.
    static var settings: [String: String] {
        var found: [String: String] = [:]
        for key in SettingKey.allCases { found[key.variable] = value(key.variable) }
        return found
    }
}
