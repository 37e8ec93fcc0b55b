// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct CredentialPathsTests {
    private let paths = CredentialPaths()

    @Test(arguments: [
        ("/var/run/secrets/kubernetes.io/serviceaccount/token", CredentialKind.serviceAccountToken),
        ("/run/secrets/kubernetes.io/serviceaccount/token", .serviceAccountToken),
        ("/run/secrets/kubernetes.io/serviceaccount/..data/token", .serviceAccountToken),
        ("/run/secrets/kubernetes.io/serviceaccount/..2026_11_22_10_15_00.123456789/token", .serviceAccountToken),
        (
            "/var/lib/kubelet/pods/u/volumes/kubernetes.io~projected/kube-api-access-x/..data/token",
            .serviceAccountToken
        ),
        ("/var/lib/kubelet/pods/u/volumes/kubernetes.io~secret/db/password", .secretMount),
        ("/var/run/secrets/eks.amazonaws.com/serviceaccount/token", .aws),
        ("/var/run/secrets/pods.eks.amazonaws.com/serviceaccount/eks-pod-identity-token", .aws),
        ("/root/.aws/credentials", .aws), ("/app/.aws/config", .aws), ("/home/x/.aws/sso/cache/a1b2.json", .aws),
        ("/home/x/.aws/cli/cache/a1b2.json", .aws),
        ("/root/.config/gcloud/application_default_credentials.json", .gcp), ("/x/.config/gcloud/credentials.db", .gcp),
        ("/x/.config/gcloud/access_tokens.db", .gcp), ("/x/.config/gcloud/legacy_credentials/a@b.c/adc.json", .gcp),
        ("/secrets/application_default_credentials.json", .gcp),
        ("/root/.azure/msal_token_cache.json", .azure), ("/root/.azure/accessTokens.json", .azure),
        ("/var/run/secrets/azure/tokens/azure-identity-token", .azure), ("/x/.IdentityService/msal.cache", .azure),
        ("/root/.ssh/id_rsa", .sshKey), ("/home/x/.ssh/id_ed25519", .sshKey), ("/home/x/.ssh/prod.pem", .sshKey),
        ("/etc/ssh/ssh_host_ed25519_key", .sshKey), ("/tmp/ssh-XXXXbR3kq9ZL/agent.1234", .sshAgent),
        ("/run/user/1000/keyring/ssh", .sshAgent), ("/x/.gnupg/S.gpg-agent.ssh", .sshAgent),
        ("/root/.kube/config", .kubeconfig), ("/etc/kubernetes/admin.conf", .kubeconfig),
        ("/etc/rancher/k3s/k3s.yaml", .kubeconfig), ("/host/etc/kubernetes/kubelet.conf", .kubeconfig),
        ("/var/lib/kubelet/kubeconfig", .kubeconfig),
        ("/kaniko/.docker/config.json", .docker), ("/root/.dockercfg", .docker),
        ("/run/containers/0/auth.json", .docker),
        ("/x/.config/containers/auth.json", .docker),
        ("/app/.env", .dotenv), ("/app/.env.production", .dotenv), ("/app/.env.local", .dotenv),
        ("/root/.netrc", .netrc), ("/root/.git-credentials", .git), ("/root/.config/git/credentials", .git),
        ("/root/.config/gh/hosts.yml", .git), ("/app/.npmrc", .packageRegistry), ("/root/.pypirc", .packageRegistry),
        ("/root/.cargo/credentials.toml", .packageRegistry), ("/root/.m2/settings.xml", .packageRegistry),
        ("/root/.vault-token", .vault), ("/vault/secrets/db", .secretMount), ("/run/secrets/db-password", .secretMount),
        ("/mnt/secrets-store/key", .secretMount), ("/run/credentials/x.service/key", .secretMount),
        ("/etc/shadow", .shadow), ("/etc/gshadow-", .shadow), ("/proc/1/root/etc/shadow", .shadow),
        ("/root/.gnupg/private-keys-v1.d/AB12.key", .gnupg), ("/root/.gnupg/secring.gpg", .gnupg),
        ("/proc/77/environ", .processEnvironment), ("/proc/77/task/78/environ", .processEnvironment),
        ("/etc/ssl/private/site.key", .tlsKey), ("/etc/kubernetes/pki/ca.key", .tlsKey), ("/certs/tls.key", .tlsKey),
        ("/tmp/krb5cc_0", .kerberos), ("/etc/krb5.keytab", .kerberos), ("/root/.pgpass", .database),
        ("/root/.cache/huggingface/token", .modelProvider), ("/root/.claude/.credentials.json", .modelProvider),
        ("/root/.codex/auth.json", .modelProvider), ("/run/spire/sockets/agent.sock", .spiffe),
        ("/root/.oci/config", .cloud), ("/root/.config/rclone/rclone.conf", .cloud), (".env", .dotenv),
    ])
    func `a credential is known by its path`(_ path: String, _ kind: CredentialKind) {
        #expect(paths.match(ByteString(path))?.kind == kind)
        #expect(paths.contains(ByteString(path)))
        #expect(PathSensitivity(of: ByteString(path)) == .credential)
    }

    @Test(arguments: [
        "", "/", "/etc/passwd", "/root/.ssh/id_rsa.pub", "/root/.ssh/known_hosts", "/root/.ssh/authorized_keys",
        "/etc/ssh/ssh_host_rsa_key.pub", "/etc/ssh/sshd_config", "/app/.env.example", "/app/.env.sample",
        "/app/.env.template",
        "/app/.environment", "/app/env", "/proc/self/environ", "/proc/77/status", "/proc/environ",
        "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
        "/var/run/secrets/kubernetes.io/serviceaccount/namespace",
        "/var/run/secrets/kubernetes.io/serviceaccount/..data/namespace", "/root/.aws/other", "/x/aws/credentials",
        "/app/config.json", "/app/docker/config.json", "/root/.kube/cache/x", "/root/.azure/azureProfile.json",
        "/etc/kubernetes/manifests/x.yaml", "/app/token", "/app/src/shadow", "/root/.config/gcloud/properties",
        "/app/netrc",
        "/app/environ", "/usr/share/x/environ",
    ])
    func `what is none is not taken for one`(_ path: String) {
        #expect(paths.match(ByteString(path)) == nil)
    }

    @Test func `what the operator names comes first`() {
        let paths = CredentialPaths([("/app/keys/*.bin", "signing"), ("*/.env", "own")])
        #expect(paths.match("/app/keys/a.bin") == .init(.configured, label: "signing"))
        #expect(paths.match("/x/.env")?.label == "own")
        #expect(PathSensitivity(of: "/app/keys/a.bin", paths) == .credential)
        #expect(PathSensitivity(of: "/app/keys/a.txt", paths) == .ordinary)
    }

    @Test func `mounted tokens carry their audience, and mounted secrets are credentials`() {
        let mounts = CredentialPaths.Mounts(
            tokens: [("/var/run/tokens/vault", "vault"), ("/run/secrets/x/token", "x")],
            secrets: ["/opt/db/", "/opt/one.pem"])
        #expect(paths.match("/var/run/tokens/vault", in: mounts) == .init(.projectedToken, label: "vault"))
        #expect(paths.match("/var/run/tokens/..2026_11_22_10_15_00.1/vault", in: mounts)?.label == "vault")
        #expect(paths.match("/run/secrets/x/token", in: mounts) == .init(.projectedToken, label: "x"))
        #expect(paths.match("/opt/db/password", in: mounts)?.kind == .secretMount)
        #expect(paths.match("/opt/db/..data/password", in: mounts)?.kind == .secretMount)
        #expect(paths.match("/opt/one.pem", in: mounts)?.kind == .secretMount)
        #expect(paths.match("/opt/dbx/password", in: mounts) == nil)
        #expect(paths.match("/var/run/tokens", in: mounts) == nil)
    }

    @Test func `a token is one credential through all versions of its volume`() {
        let plain: ByteString = "/run/secrets/kubernetes.io/serviceaccount/token"
        for version in ["..data", "..2026_11_22_10_15_00.123456789"] {
            let path = ByteString("/run/secrets/kubernetes.io/serviceaccount/\(version)/token")
            #expect(CredentialPaths.canonical(path) == plain)
        }
        #expect(CredentialPaths.canonical(plain) == plain)
        #expect(CredentialPaths.canonical("/a/..data") == "/a/..data")
    }

    @Test(arguments: [
        ("/etc/hostname", PathSensitivity.guarded), ("/etc/ssl/certs/ca.pem", .ordinary), ("/etc", .ordinary),
        ("/etc/ssl/openssl.cnf", .guarded), ("/usr/bin/curl", .guarded), ("/usr/local/bin/x", .guarded),
        ("/bin/sh", .guarded),
        ("/usr/lib/x.so", .ordinary), ("/proc/self/stat", .ordinary), ("/proc/7/stat", .ordinary),
        ("/proc/7/mem", .guarded),
        ("/proc/7/root/x", .guarded), ("/proc/sysrq-trigger", .guarded), ("/dev/null", .ordinary),
        ("/dev/mem", .guarded),
        ("/dev/shm/x", .ordinary), ("/sys/class/net/eth0", .ordinary), ("/sys/kernel/debug/x", .guarded),
        ("/sys/fs/cgroup/a/release_agent", .guarded), ("/var/run/docker.sock", .guarded), ("/run/x.sock", .guarded),
        ("/x/.ssh/config", .guarded), ("/x/.ssh", .guarded), ("/x/.kube/cache/discovery/a.json", .ordinary),
        ("/x/.kube/other", .guarded), ("/app/secrets/a", .guarded), ("/app/a", .ordinary), ("a", .ordinary),
        ("", .ordinary),
        ("/var/spool/cron/crontabs/root", .guarded), ("/root/.bash_history", .guarded),
    ])
    func `some paths speak for themselves alone`(_ path: String, _ sensitivity: PathSensitivity) {
        #expect(PathSensitivity(of: ByteString(path)) == sensitivity)
    }
}
