// SPDX-License-Identifier: Apache-2.0

import FuzzDriver
import SensorCore

@main
struct KubeconfigFuzzer {
    static func main() { FuzzDriver.run(testOneInput) }
}

/// Takes the fuzzer's bytes for a kubeconfig, and for the part of one that is reached only behind good YAML.
private func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let text = Array(UnsafeBufferPointer(start: start, count: count))
    _ = try? APIEndpoint(kubeconfig: text, directory: "/etc/k/")
    let beginning = """
        current-context: c
        contexts:
        - {}
        - name: c
          context:
            cluster: x
            user: u
        clusters:
        - name: x
          cluster:
            server: https://[::1]:6443

        """
    do throws(EndpointError) {
        let endpoint = try APIEndpoint(kubeconfig: Array(beginning.utf8) + text, directory: "/etc/k/")
        precondition(!endpoint.description.isEmpty)
    } catch {
        precondition(!error.description.isEmpty)
    }
    return 0
}
