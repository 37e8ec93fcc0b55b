// SPDX-License-Identifier: Apache-2.0

import SensorCore

extension ReconcilerSettings {
    /// Everybody to whom records are sent.
    ///
    /// - Parameter environment: the variables that may lead to a proxy.
    /// - Throws: what does not go together, or cannot be read.
    static func all(_ settings: Settings, environment: [String: String]) throws(SettingsError) -> [ReconcilerSettings] {
        var all: [ReconcilerSettings] = []
        if let reconciler = try ReconcilerSettings(
            Taker(
                urls: settings.reconcilerURLs, tokenFile: settings.reconcilerTokenFile,
                authority: settings.reconcilerAuthority, certificate: settings.reconcilerCertificate,
                key: settings.reconcilerKey),
            .reconciler, settings, environment)
        {
            all.append(reconciler)
            all[0].form = .posture(settings.reconcilerEncoding)
        }
        if let collector = try ReconcilerSettings(
            Taker(
                urls: settings.otlpURLs, tokenFile: settings.otlpTokenFile, authority: settings.otlpAuthority,
                certificate: settings.otlpCertificate, key: settings.otlpKey),
            .otlp, settings, environment)
        {
            for signal in Settings.OTLPSignal.allCases where settings.otlpSignals.contains(signal) {
                var own = collector
                own.form = signal == .logs ? .logs : .spans
                all.append(own)
            }
        }
        return all
    }

    /// What the settings say of one of them.
    private struct Taker {
        var urls: [ServerURL]
        var tokenFile: String?
        var authority: String?
        var certificate: String?
        var key: String?
    }

    /// How these settings are called.
    private struct Keys {
        var urls: SettingKey
        var tokenFile: SettingKey
        var authority: SettingKey
        var certificate: SettingKey
        var key: SettingKey
        /// That mean nothing without a URL.
        var others: [SettingKey]

        static let reconciler = Keys(
            urls: .reconcilerURLs, tokenFile: .reconcilerTokenFile, authority: .reconcilerAuthority,
            certificate: .reconcilerCertificate, key: .reconcilerKey, others: [.reconcilerEncoding])
        static let otlp = Keys(
            urls: .otlpURLs, tokenFile: .otlpTokenFile, authority: .otlpAuthority, certificate: .otlpCertificate,
            key: .otlpKey, others: [.otlpSignals])
    }

    /// nil: nothing is sent there.
    private init?(
        _ taker: Taker, _ keys: Keys, _ settings: Settings, _ environment: [String: String]
    ) throws(SettingsError) {
        guard !taker.urls.isEmpty else {
            let dependent = keys.others + [keys.tokenFile, keys.authority, keys.certificate, keys.key]
            if let key = dependent.first(where: { settings.written[$0] != nil }) {
                throw Self.error(key, "\(keys.urls.flag) is expected with it")
            }
            return nil
        }
        self.init(taker.urls)
        tokenFile = taker.tokenFile
        authorityFile = taker.authority
        proxies = ProxySettings(environment: environment)
        switch (taker.certificate, taker.key) {
        case (let chain?, let key?): certificate = ClientCertificate(chain: .file(chain), key: .file(key))
        case (nil, nil): break
        case (_?, nil): throw Self.error(keys.certificate, "\(keys.key.flag) is expected with it")
        case (nil, _?): throw Self.error(keys.key, "\(keys.certificate.flag) is expected with it")
        }
        if let url = urls.first(where: { !$0.isSecure }) {
            if tokenFile != nil, !url.isLoopback {
                throw Self.error(keys.tokenFile, "anybody could read the token on its way to \(url): use https://")
            }
            if certificate != nil {
                throw Self.error(keys.certificate, "\(url) asks for no certificate: use https://")
            }
        }
        do throws(EndpointError) { try check() } catch {
            // It names the file or the variable.
            throw SettingsError(origin: .flag, name: nil, reason: error.description)
        }
    }

    private static func error(_ key: SettingKey, _ reason: String) -> SettingsError {
        SettingsError(origin: .flag, name: key.flag, reason: reason)
    }
}
