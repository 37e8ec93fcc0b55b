// SPDX-License-Identifier: Apache-2.0

extension APIEndpoint {
    /// Where the kubelet puts a pod's own credentials.
    private static let directory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The API server of the cluster that this process runs in as a pod; nil: it runs in none.
    ///
    /// - Parameters:
    ///   - environment: the variables that the kubelet sets.
    ///   - directory: of the token and the CA; the kubelet's own by default.
    package init?(environment: [String: String], directory: String? = nil) {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            let port = environment["KUBERNETES_SERVICE_PORT"], let number = UInt16(port), number > 0
        else { return nil }
        let directory = directory ?? Self.directory
        self.init(url: "https://\(host.contains(":") ? "[\(host)]" : host):\(number)")
        authority = .file(directory + "/ca.crt")
        token = BearerToken(file: directory + "/token")
    }
}
