// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// What the environment says to this program.
enum Environment {
    static func value(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// All that there are.
    static var names: [String] {
        var names: [String] = []
        var next = environ
        while let entry = next.pointee {
            names.append(String(String(cString: entry).prefix { $0 != "=" }))
            next += 1
        }
        return names
    }

    /// The variables that are settings.
    static var settings: [String: String] {
        var found: [String: String] = [:]
        for key in SettingKey.allCases { found[key.variable] = value(key.variable) }
        return found
    }
}
