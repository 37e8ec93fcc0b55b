// SPDX-License-Identifier: Apache-2.0

/// What a credential file opens.
package enum CredentialKind: UInt8, Sendable, CaseIterable {
    /// A Kubernetes ServiceAccount's token for the API server.
    case serviceAccountToken
    /// A token that the kubelet projects for another audience.
    case projectedToken
    case aws
    case gcp
    case azure
    /// Another cloud's command line or SDK.
    case cloud
    case sshKey
    /// The socket of an agent that signs with a key kept elsewhere.
    case sshAgent
    case kubeconfig
    /// Registry logins of docker, podman and their like.
    case docker
    case dotenv
    case netrc
    case git
    /// Tokens for package registries: npm, PyPI, Cargo …
    case packageRegistry
    case vault
    /// Password hashes of the system.
    case shadow
    case gnupg
    case tlsKey
    case kerberos
    case database
    /// A model provider's or an agent's login.
    case modelProvider
    case spiffe
    /// A file of a mounted secret whose use is not known.
    case secretMount
    /// The environment of another process, where secrets are passed.
    case processEnvironment
    /// Named by the operator: the name is the credential's label.
    case configured

    package var name: String {
        switch self {
        case .serviceAccountToken: "kubernetes_token"
        case .projectedToken: "projected_token"
        case .aws: "aws"
        case .gcp: "gcp"
        case .azure: "azure"
        case .cloud: "cloud"
        case .sshKey: "ssh_key"
        case .sshAgent: "ssh_agent"
        case .kubeconfig: "kubeconfig"
        case .docker: "docker_config"
        case .dotenv: "dotenv"
        case .netrc: "netrc"
        case .git: "git"
        case .packageRegistry: "package_registry"
        case .vault: "vault"
        case .shadow: "shadow"
        case .gnupg: "gnupg"
        case .tlsKey: "tls_key"
        case .kerberos: "kerberos"
        case .database: "database"
        case .modelProvider: "model_provider"
        case .spiffe: "spiffe"
        case .secretMount: "secret_mount"
        case .processEnvironment: "process_environment"
        case .configured: "configured"
        }
    }
}
