// SPDX-License-Identifier: Apache-2.0

/// The last names of a path, from the end: what tells a credential, wherever the home directory or the mount is.
struct PathTail {
    /// The file's own name.
    private(set) var name = ByteSlice(start: nil, count: 0)
    private(set) var parent = ByteSlice(start: nil, count: 0)
    private(set) var grandparent = ByteSlice(start: nil, count: 0)
    /// The third and the fourth directory above.
    private(set) var third = ByteSlice(start: nil, count: 0)
    private(set) var fourth = ByteSlice(start: nil, count: 0)

    init(_ path: ByteSlice) {
        var end = path.count
        var place = 0
        while end > 0, place < 5 {
            var start = end
            while start > 0, path[start - 1] != UInt8(ascii: "/") { start -= 1 }
            let name = path.slice(start..<end)
            end = start - 1
            if place > 0, name.isVolumeVersion { continue }
            switch place {
            case 0: self.name = name
            case 1: parent = name
            case 2: grandparent = name
            case 3: third = name
            default: fourth = name
            }
            place += 1
        }
    }

    var credential: CredentialKind? {
        guard let first = name.first else { return nil }
        if first == UInt8(ascii: "."), let kind = dotFile { return kind }
        if let kind = inDirectory { return kind }
        return elsewhere(first)
    }

    /// By a name that begins with a dot.
    private var dotFile: CredentialKind? {
        switch name.count {
        case 4: return name.equals(".env") ? .dotenv : nil
        case 5: if name.equals(".boto") { return .gcp }
        case 6:
            if name.equals(".netrc") { return .netrc }
            if name.equals(".npmrc") { return .packageRegistry }
            if name.equals(".s3cfg") { return .aws }
        case 7:
            if name.equals(".pypirc") { return .packageRegistry }
            if name.equals(".pgpass") || name.equals(".my.cnf") { return .database }
        case 10: if name.equals(".dockercfg") { return .docker }
        case 11: if name.equals(".yarnrc.yml") { return .packageRegistry }
        case 12:
            if name.equals(".vault-token") { return .vault }
            if name.equals(".terraformrc") { return .cloud }
        case 16: if name.equals(".git-credentials") { return .git }
        case 17: if name.equals(".credentials.json"), parent.equals(".claude") { return .modelProvider }
        default: break
        }
        if name.hasPrefix(".env.") {
            return Self.templates.contains { name.hasSuffix($0) } ? nil : .dotenv
        }
        return nil
    }

    private static let templates: [StaticString] = [".example", ".sample", ".template", ".dist", ".tmpl", ".defaults"]

    private var inDirectory: CredentialKind? {
        guard let first = parent.first else { return nil }
        if first == UInt8(ascii: ".") { return inDotDirectory }
        switch parent.count {
        case 2: if parent.equals("gh"), name.equals("hosts.yml") { return .git }
        case 3:
            if parent.equals("etc") { return inEtc }
            if parent.equals("git"), grandparent.equals(".config"), name.equals("credentials") { return .git }
            if parent.equals("pki"), grandparent.equals("kubernetes") || grandparent.equals("kubelet") {
                if name.hasSuffix(".key") || grandparent.equals("kubelet") && name.hasSuffix(".pem") { return .tlsKey }
            }
            if parent.equals("ssh"), name.hasPrefix("ssh_host_"), name.hasSuffix("_key") { return .sshKey }
            if parent.equals("k3s"), name.equals("k3s.yaml") { return .kubeconfig }
        case 4: if parent.equals("rke2"), name.equals("rke2.yaml") { return .kubeconfig }
        case 5:
            if parent.equals("cache"), third.equals(".aws"), name.hasSuffix(".json") { return .aws }
            if parent.equals("vault"), name.equals("token") { return .vault }
        case 6:
            if parent.equals("gcloud"), name.hasSuffix(".db") || name.equals("application_default_credentials.json") {
                return name.hasPrefix("credentials") || name.hasPrefix("a") ? .gcp : nil
            }
            if parent.equals("tokens"), grandparent.equals("azure"), name.equals("azure-identity-token") {
                return .azure
            }
            if parent.equals("rclone"), name.equals("rclone.conf") { return .cloud }
        case 7:
            if parent.equals("private"), grandparent.equals("ssl") { return .tlsKey }
            if parent.equals("keyring"), name.equals("ssh") { return .sshAgent }
            if parent.equals("sockets"), name.equals("agent.sock"), grandparent.hasPrefix("spire") { return .spiffe }
        case 10:
            if parent.equals("kubernetes"), grandparent.equals("etc"), name.hasSuffix(".conf") { return .kubeconfig }
            if parent.equals("containers"), name.equals("auth.json") { return .docker }
        case 11: if parent.equals("huggingface"), isHuggingFaceToken { return .modelProvider }
        case 14: if parent.equals("serviceaccount") { return inServiceAccount }
        default: break
        }
        if parent.equals("private-keys-v1.d"), name.hasSuffix(".key") { return .gnupg }
        if parent.hasPrefix("ssh-"), name.hasPrefix("agent.") { return .sshAgent }
        if grandparent.equals("legacy_credentials") { return .gcp }
        if grandparent.equals("containers"), name.equals("auth.json") { return .docker }
        return nil
    }

    private var isHuggingFaceToken: Bool { name.equals("token") || name.equals("stored_tokens") }

    private var inDotDirectory: CredentialKind? {
        switch parent.count {
        case 3: if parent.equals(".m2"), name.equals("settings.xml") { return .packageRegistry }
        case 4:
            if parent.equals(".aws"), name.equals("credentials") || name.equals("config") { return .aws }
            if parent.equals(".oci"), name.equals("config") || name.hasSuffix(".pem") { return .cloud }
            if parent.equals(".gem"), name.equals("credentials") { return .packageRegistry }
            if parent.equals(".ssh") { return inSSH }
        case 5: if parent.equals(".kube"), name.equals("config") { return .kubeconfig }
        case 6:
            if parent.equals(".azure") { return isAzureToken ? .azure : nil }
            if parent.equals(".gnupg"), name.equals("secring.gpg") { return .gnupg }
            if parent.equals(".gnupg"), name.hasPrefix("S.gpg-agent") { return .sshAgent }
            if parent.equals(".cargo"), name.hasPrefix("credentials") { return .packageRegistry }
            if parent.equals(".codex"), name.equals("auth.json") { return .modelProvider }
        case 7:
            if parent.equals(".docker"), name.equals("config.json") { return .docker }
            if parent.equals(".gemini"), name.equals("oauth_creds.json") { return .modelProvider }
            if parent.equals(".kaggle"), name.equals("kaggle.json") { return .cloud }
        case 12:
            if parent.equals(".terraform.d"), name.equals("credentials.tfrc.json") { return .cloud }
            if parent.equals(".huggingface"), isHuggingFaceToken { return .modelProvider }
        case 16: if parent.equals(".IdentityService"), name.hasPrefix("msal.cache") { return .azure }
        default: break
        }
        return nil
    }

    private var isAzureToken: Bool {
        name.hasPrefix("msal_token_cache.") || name.hasPrefix("accessTokens.")
            || name.hasPrefix("service_principal_entries.")
    }

    private var inSSH: CredentialKind? {
        if name.hasSuffix(".pub") { return nil }
        return name.hasPrefix("id_") || name.hasSuffix(".pem") || name.hasSuffix(".key") || name.equals("identity")
            ? .sshKey : nil
    }

    private var inEtc: CredentialKind? {
        if name.hasPrefix("shadow") || name.hasPrefix("gshadow") {
            return name.hasSuffix("shadow") || name.hasSuffix("shadow-") ? .shadow : nil
        }
        return name.equals("krb5.keytab") ? .kerberos : nil
    }

    private var inServiceAccount: CredentialKind? {
        if grandparent.equals("kubernetes.io") { return name.equals("token") ? .serviceAccountToken : nil }
        if grandparent.equals("eks.amazonaws.com"), name.equals("token") { return .aws }
        return grandparent.equals("pods.eks.amazonaws.com") && name.hasSuffix("-token") ? .aws : nil
    }

    /// By the name alone, or by a directory further up.
    private func elsewhere(_ first: UInt8) -> CredentialKind? {
        switch first {
        case UInt8(ascii: "a"): if name.equals("application_default_credentials.json") { return .gcp }
        case UInt8(ascii: "e"): if name.equals("environ") { return isProcessEnvironment ? .processEnvironment : nil }
        case UInt8(ascii: "k"):
            if name.equals("kubeconfig") { return .kubeconfig }
            if name.hasPrefix("krb5cc_") { return .kerberos }
        case UInt8(ascii: "o"): if name.equals("openssh_agent"), parent.isNumber { return .sshAgent }
        case UInt8(ascii: "s"):
            if name.equals("ssh-agent.socket") { return .sshAgent }
            if parent.equals("spiffe-workload-api"), name.hasSuffix(".sock") { return .spiffe }
        case UInt8(ascii: "t"):
            if name.equals("token"), grandparent.equals("kubernetes.io~projected") { return .serviceAccountToken }
            if name.equals("tls.key") { return .tlsKey }
        default: break
        }
        return isInSecretMount ? .secretMount : nil
    }

    /// `/proc/<pid>/environ` and `/proc/<pid>/task/<tid>/environ`, not `/proc/self/environ`.
    private var isProcessEnvironment: Bool {
        if grandparent.equals("proc") { return parent.isNumber }
        return grandparent.equals("task") && fourth.equals("proc") && third.isNumber
    }

    private var isInSecretMount: Bool {
        if grandparent.equals("kubernetes.io~secret") { return true }
        if parent.equals("secrets") {
            return grandparent.equals("run") || grandparent.equals("vault") || grandparent.equals("mnt")
        }
        if parent.equals("secrets-store") { return true }
        // systemd's: one directory for each unit.
        if grandparent.equals("credentials"), third.equals("run") { return true }
        return grandparent.equals("secrets") && third.equals("run")
            && !(name.equals("ca.crt") || name.equals("namespace"))
    }
}
