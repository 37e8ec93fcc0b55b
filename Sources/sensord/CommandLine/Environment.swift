// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// What the environment says to this program.
enum Environment {
    static func value(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }

    /// What the kubelet tells a pod of the API server.
    static var inCluster: [String: String] {
        var found: [String: String] = [:]
        for name in ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"] { found[name] = value(name) }
        return found
    }

    /// What may lead to a proxy.
    static var proxies: [String: String] {
        var found: [String: String] = [:]
        for name in ProxySettings.variables { found[name] = value(name) }
        return found
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
