// SPDX-License-Identifier: Apache-2.0

extension JSONText {
    /// The `network` member of an event, with the comma before it.
    mutating func append(_ network: NetworkDetail) {
        append(",\"network\":")
        let start = bytes.count
        if let direction = network.direction {
            append(",\"direction\":\"")
            append(direction.nameText)
            append("\"")
        }
        append(",\"transport\":\"")
        append(network.transport.nameText)
        append("\"")
        append(endpoint: ",\"peer\":", network.peer)
        append(endpoint: ",\"translated\":", network.translated)
        append(endpoint: ",\"local\":", network.local)
        if let sent = network.bytesSent {
            append(",\"bytesSent\":")
            append(quoted: sent)
        }
        if let received = network.bytesReceived {
            append(",\"bytesReceived\":")
            append(quoted: received)
        }
        if let duration = network.duration {
            append(",\"duration\":\"")
            append(seconds: duration)
            append("\"")
        }
        if let final = network.isFinal {
            append(",\"final\":")
            append(final)
        }
        closeObject(startedAt: start)
    }

    private mutating func append(endpoint name: StaticString, _ endpoint: Endpoint?) {
        guard let endpoint else { return }
        append(name)
        let start = bytes.count
        if let address = endpoint.address {
            append(",\"address\":\"")
            append(address)
            append("\"")
        }
        if let port = endpoint.port {
            append(",\"port\":")
            append(decimal: UInt64(port))
        }
        if !endpoint.names.isEmpty {
            append(",\"names\":")
            append(strings: endpoint.names)
        }
        append(field: ",\"path\":", orBytes: ",\"pathBytes\":", endpoint.path)
        if let contextID = endpoint.contextID {
            append(",\"cid\":")
            append(decimal: UInt64(contextID))
        }
        closeObject(startedAt: start)
    }
}
