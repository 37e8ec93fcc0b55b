// SPDX-License-Identifier: Apache-2.0

import SensorCore

extension APIEndpoint {
    /// The API server that the settings or, in a pod, the kubelet's variables lead to; nil: there is none.
    init?(_ settings: Settings, environment: [String: String]) throws(SettingsError) {
        guard let file = settings.kubeconfig else {
            self.init(environment: environment)
            return
        }
        do throws(EndpointError) {
            try self.init(kubeconfig: file)
        } catch {
            throw SettingsError(origin: .file(path: file, line: error.line), name: nil, reason: error.description)
        }
    }
}

extension Settings {
    /// To be called before the API server is asked for this node's pods.
    ///
    /// - Throws: in a pod that was not told where it runs: its host's name is its own, and no pod runs on such a node.
    func requireNode(environment: [String: String]) throws(SettingsError) {
        guard node == nil, environment["KUBERNETES_SERVICE_HOST"] != nil else { return }
        throw SettingsError(
            origin: .environment, name: SettingKey.node.variable,
            reason: "the node's name in the cluster is expected: set it from the pod's field spec.nodeName")
    }
}

extension ClusterSettings {
    /// What the settings say of knowing the cluster.
    init(_ settings: Settings, node: String) {
        self.init(node: node)
        cluster = settings.cluster
        choices = settings.choices
        cacheFile = settings.stateDirectory + "/identity.json"
    }
}
