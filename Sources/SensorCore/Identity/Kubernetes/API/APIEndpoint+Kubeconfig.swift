// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

extension APIEndpoint {
    /// What a kubeconfig's current context says. Paths in it are relative to the file.
    package init(kubeconfig path: String) throws(EndpointError) {
        let text = try SmallFile.read(path, limit: 1 << 20)
        try self.init(kubeconfig: text, directory: Self.directory(of: path))
    }

    /// The same of a file's content.
    ///
    /// - Parameter directory: what paths in it are relative to, with a slash at the end.
    package init(kubeconfig text: [UInt8], directory: String) throws(EndpointError) {
        let (cluster, user) = try Kubeconfig.parse(text).selected()
        guard var url = cluster.server, !url.isEmpty else { throw EndpointError("the cluster has no server") }
        guard url.hasPrefix("https://") || url.hasPrefix("http://") else {
            throw EndpointError("the cluster's server is no http or https URL")
        }
        while url.hasSuffix("/") { url.removeLast() }
        guard cluster.proxy == nil else { throw EndpointError("proxy-url is not supported") }
        self.init(url: url)
        authority = try Self.material(cluster.authority, cluster.authorityData, directory, "certificate-authority")
        serverName = cluster.serverName.flatMap { $0.isEmpty ? nil : $0 }
        isVerified = !(cluster.skipsVerification ?? false)
        guard let user else { return }
        guard user.exec == nil else {
            throw EndpointError(
                "the user gets its credentials from an exec plugin, which is not run: use a token or a client certificate"
            )
        }
        guard user.provider == nil, user.password == nil else {
            throw EndpointError("only a token or a client certificate is supported as the user's credentials")
        }
        let chain = try Self.material(user.certificate, user.certificateData, directory, "client-certificate")
        let key = try Self.material(user.key, user.keyData, directory, "client-key")
        switch (chain, key) {
        case (let chain?, let key?): certificate = ClientCertificate(chain: chain, key: key)
        case (nil, nil): break
        default: throw EndpointError("the user has a client certificate or its key, but not both")
        }
        // As kubectl does: a file that can be read anew is worth more than what stands here.
        if let file = user.tokenFile, !file.isEmpty {
            token = BearerToken(file: file.hasPrefix("/") ? file : directory + file)
        } else if let text = user.token, !text.isEmpty {
            token = BearerToken(text)
        }
        guard url.hasPrefix("https://") else {
            if token != nil { throw Self.plain("token") }
            if certificate != nil { throw Self.plain("client certificate") }
            return
        }
    }

    private static func plain(_ credential: String) -> EndpointError {
        EndpointError(
            "the cluster's server is an http:// URL, over which anybody could read the user's \(credential): "
                + "use https://, or a user without credentials")
    }

    private static func directory(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    }

    private static func material(
        _ path: String?, _ data: String?, _ directory: String, _ name: String
    ) throws(EndpointError) -> KeyMaterial? {
        if let data, !data.isEmpty {
            guard let bytes = Data(base64Encoded: data.filter { !$0.isWhitespace }), !bytes.isEmpty else {
                throw EndpointError("\(name)-data is no base64")
            }
            return .bytes([UInt8](bytes))
        }
        guard let path, !path.isEmpty else { return nil }
        return .file(path.hasPrefix("/") ? path : directory + path)
    }
}
