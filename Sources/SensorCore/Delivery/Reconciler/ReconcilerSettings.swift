// SPDX-License-Identifier: Apache-2.0

/// Where a reconciler is, and how it is spoken to.
///
/// Here and in all that bears its name a reconciler is whoever takes records by HTTP and answers what became of them. An OTLP
/// collector is one that says less: what is its own is in `DeliveryForm`.
package struct ReconcilerSettings: Sendable {
    package struct Times: Sendable {
        package var connect = Duration.seconds(10)
        /// For a batch, until the whole answer is there.
        package var request = Duration.seconds(60)
        /// The same where nothing was heard from there the last time, and another URL answers.
        package var trial = Duration.seconds(10)

        package init() {}
    }

    /// Of one reconciler; the first that can be had is used.
    package var urls: [ServerURL]
    package var form = DeliveryForm.posture(.protobuf)
    /// A file with the token that requests carry; nil: none.
    package var tokenFile: String?
    /// A file with the certificates that are believed; nil: those that the machine trusts.
    package var authorityFile: String?
    package var certificate: ClientCertificate?
    package var proxies = ProxySettings()
    package var times = Times()

    package init(_ urls: [ServerURL]) { self.urls = urls }

    /// Reads what there is to be read.
    ///
    /// - Throws: what cannot be used.
    package func check() throws(EndpointError) {
        for url in urls { _ = try proxies.proxy(for: url) }
        _ = try material.configuration()
        if let tokenFile { _ = try BearerToken(file: tokenFile).current() }
    }

    var material: TLSMaterial { TLSMaterial(authority: authorityFile.map { .file($0) }, certificate: certificate) }
}
