// SPDX-License-Identifier: Apache-2.0

/// The part of a host name below which all names belong to one owner, or to one provider's customers.
///
/// By a short list of its own, not by the public suffix list: a suffix of two labels that is not on it, as `gov.xx`, passes
/// for an owner's domain, and names of its owners may then fold together.
struct NameSuffix: Equatable {
    /// Labels of the name that the suffix has, counted from the end.
    var labels: Int
    /// Whether the names below it belong to different customers of one provider.
    var isShared: Bool

    /// - Parameter labels: of the whole name, in lower case.
    init(of labels: [Substring]) {
        let count = labels.count
        isShared = false
        if let service = labels.lastIndex(where: { $0 == "svc" || $0 == "pod" }), service >= 1,
            service == count - 1 || labels[count - 1] == "local" || labels[count - 1] == "internal"
        {
            // A namespace of a cluster.
            self.labels = count - service + 1
            return
        }
        if count >= 3 {
            let last = labels[(count - 2)...].joined(separator: ".")
            if let extra = Self.services[last] {
                isShared = true
                self.labels = min(count, 2 + extra)
                if extra == 1, count > 3, Self.isRegion(labels[count - 3]) { self.labels = 4 }
                return
            }
            if Self.shared.contains(last) {
                (self.labels, isShared) = (2, true)
                return
            }
            if Self.shared.contains(labels[(count - 3)...].joined(separator: ".")) {
                (self.labels, isShared) = (3, true)
                return
            }
            if labels[count - 1].utf8.count == 2, Self.secondLevel.contains(labels[count - 2]) {
                self.labels = 3
                return
            }
        }
        self.labels = min(count, 2)
    }

    /// `eu-west-1`, `ap-guangzhou`, `us-gov-east-1`.
    private static func isRegion(_ label: Substring) -> Bool {
        let parts = label.split(separator: "-")
        return parts.count >= 2 && parts[0].utf8.count == 2 && parts[0] != "s3"
    }

    /// Below them stands a service, or a region and a service, and then the customer's name.
    private static let services: [String: Int] = [
        "amazonaws.com": 1, "on.aws": 1, "myqcloud.com": 1, "aliyuncs.com": 1, "googleapis.com": 1,
        "windows.net": 2, "digitaloceanspaces.com": 1, "oraclecloud.com": 1, "backblazeb2.com": 1, "wasabisys.com": 1,
    ]

    private static let shared: Set<String> = [
        "cloudfront.net", "herokuapp.com", "github.io", "gitlab.io", "netlify.app", "vercel.app", "pages.dev",
        "workers.dev", "r2.dev", "r2.cloudflarestorage.com", "trycloudflare.com", "ngrok.io", "ngrok.app",
        "ngrok-free.app", "ngrok.dev", "appspot.com", "run.app", "cloudfunctions.net", "web.app", "firebaseapp.com",
        "firebaseio.com", "azurewebsites.net", "azurefd.net", "azureedge.net", "cloudapp.azure.com", "vault.azure.net",
        "openai.azure.com", "azurecr.io", "fly.dev", "onrender.com", "up.railway.app", "hf.space", "modal.run",
        "replit.app", "repl.co", "duckdns.org", "nip.io", "sslip.io", "atlassian.net", "zendesk.com", "slack.com",
        "sharepoint.com", "myshopify.com", "blogspot.com", "wordpress.com", "supabase.co", "auth0.com", "okta.com",
        "snowflakecomputing.com", "mongodb.net", "akamaized.net", "edgekey.net", "fastly.net", "b-cdn.net",
    ]

    /// What stands before a country's two letters where domains are given out one level further down.
    private static let secondLevel: Set<Substring> = [
        "co", "com", "net", "org", "gov", "edu", "ac", "ne", "or", "go", "gob", "gouv", "mil", "nom", "ltd", "plc",
        "sch", "nhs", "id", "web",
    ]
}
