// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// A kubeconfig file, in YAML or JSON: of all that it holds, what leads to the API server.
struct Kubeconfig: Decodable, Sendable {
    struct NamedCluster: Decodable, Sendable {
        @Lenient var name: String?
        @Lenient var cluster: Cluster?
    }
    struct Cluster: Decodable, Sendable {
        @Lenient var server: String?
        @Lenient var authority: String?
        @Lenient var authorityData: String?
        @Lenient var skipsVerification: Bool?
        @Lenient var serverName: String?
        @Lenient var proxy: String?

        private enum CodingKeys: String, CodingKey {
            case server
            case authority = "certificate-authority"
            case authorityData = "certificate-authority-data"
            case skipsVerification = "insecure-skip-tls-verify"
            case serverName = "tls-server-name"
            case proxy = "proxy-url"
        }
    }
    struct NamedUser: Decodable, Sendable {
        @Lenient var name: String?
        @Lenient var user: User?
    }
    struct User: Decodable, Sendable {
        /// Something that is there, whatever it holds.
        struct Presence: Decodable, Sendable {
            init(from decoder: any Decoder) {}
        }

        @Lenient var certificate: String?
        @Lenient var certificateData: String?
        @Lenient var key: String?
        @Lenient var keyData: String?
        @Lenient var token: String?
        @Lenient var tokenFile: String?
        @Lenient var exec: Presence?
        @Lenient var provider: Presence?
        @Lenient var password: String?

        private enum CodingKeys: String, CodingKey {
            case certificate = "client-certificate"
            case certificateData = "client-certificate-data"
            case key = "client-key"
            case keyData = "client-key-data"
            case token, tokenFile, exec, password
            case provider = "auth-provider"
        }
    }
    struct NamedContext: Decodable, Sendable {
        @Lenient var name: String?
        @Lenient var context: Context?
    }
    struct Context: Decodable, Sendable {
        @Lenient var cluster: String?
        @Lenient var user: String?
    }

    @Lenient var current: String?
    @Lenient private var contextList: LenientList<NamedContext>?
    @Lenient private var clusterList: LenientList<NamedCluster>?
    @Lenient private var userList: LenientList<NamedUser>?

    private enum CodingKeys: String, CodingKey {
        case current = "current-context"
        case contextList = "contexts"
        case clusterList = "clusters"
        case userList = "users"
    }

    /// - Throws: what is wrong and, of YAML, on which line.
    static func parse(_ text: [UInt8]) throws(EndpointError) -> Kubeconfig {
        guard let string = String(validating: text, as: UTF8.self) else { throw EndpointError("not UTF-8") }
        do {
            if string.first(where: { !$0.isWhitespace }) == "{" {
                return try JSONDecoder().decode(Kubeconfig.self, from: Data(text))
            }
            let document = try YAMLReader.read(string)
            guard case .mapping = document else { throw EndpointError("no kubeconfig: a mapping is expected") }
            return try JSONDecoder().decode(Kubeconfig.self, from: JSONEncoder().encode(document))
        } catch let fault as YAMLReader.Fault {
            throw EndpointError(fault.reason, line: fault.line)
        } catch let error as EndpointError {
            throw error
        } catch {
            throw EndpointError("no kubeconfig: the JSON cannot be read")
        }
    }

    /// What the current context names.
    func selected() throws(EndpointError) -> (cluster: Cluster, user: User?) {
        guard let current, !current.isEmpty else { throw EndpointError("no current-context is set") }
        guard let context = contextList?.elements.first(where: { $0.name == current })?.context else {
            throw EndpointError("context \"\(current)\" is not there")
        }
        guard let name = context.cluster,
            let cluster = clusterList?.elements.first(where: { $0.name == name })?.cluster
        else { throw EndpointError("cluster \"\(context.cluster ?? "")\" is not there") }
        guard let userName = context.user, !userName.isEmpty else { return (cluster, nil) }
        guard let user = userList?.elements.first(where: { $0.name == userName })?.user else {
            throw EndpointError("user \"\(userName)\" is not there")
        }
        return (cluster, user)
    }
}
