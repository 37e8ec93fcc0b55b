// SPDX-License-Identifier: Apache-2.0

extension TestAPIServer {
    /// The text of a kubeconfig that lets a client in.
    package func kubeconfig() throws -> String {
        """
        apiVersion: v1
        kind: Config
        current-context: here
        contexts:
        - name: here
          context:
            cluster: test
            user: sensord
        clusters:
        - name: test
          cluster:
            server: \(url)
            certificate-authority: \(try TestCertificates.shared.get().path("ca.crt"))
        users:
        - name: sensord
          user:
            token: first-token

        """
    }
}
