// SPDX-License-Identifier: Apache-2.0

extension EventDetail {
    /// What it was done to, for people.
    ///
    /// - Parameter executable: what the process runs that did it.
    func text(executable: ByteString?) -> String {
        let text =
            switch self {
            case .file(let file): file.newPath.map { "\(file.path.text) -> \($0.text)" } ?? file.path.text
            case .network(let network): network.peer?.text ?? network.local?.text ?? ""
            case .dns(let dns): "\(dns.name) \(dns.type)"
            case .syscall(let syscall): syscall.name.isEmpty ? "number \(syscall.number)" : syscall.name
            case .identity(let identity): identity.change
            case .exit(let exit):
                [executable?.text ?? "", exit.signal == 0 ? "status \(exit.code)" : exit.signalName]
                    .filter { !$0.isEmpty }.joined(separator: ": ")
            case .none, .toolCall, .context, .decision, .anomaly: executable?.text ?? ""
            }
        return text.utf8.count <= Self.textBytes
            ? text : String(decoding: text.utf8.prefix(Self.textBytes), as: UTF8.self)
    }

    private static let textBytes = 512
}

extension Endpoint {
    /// The name that the address goes by, if there is one.
    fileprivate var text: String {
        if let path { return path.text }
        guard let host = names.first ?? address?.description else { return contextID.map { "vsock \($0)" } ?? "" }
        guard let port else { return host }
        return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
