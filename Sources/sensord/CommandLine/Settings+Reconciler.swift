// SPDX-License-Identifier: Apache-2.0

import SensorCore

extension ReconcilerSettings {
    /// What the settings say of a reconciler; nil: there is none.
    ///
    /// - Parameter environment: the variables that may lead to a proxy.
    /// - Throws: what does not go together, or cannot be read.
    init?(_ settings: Settings, environment: [String: String]) throws(SettingsError) {
        guard !settings.reconcilerURLs.isEmpty else {
            let others: [SettingKey] = [
                .reconcilerEncoding, .reconcilerTokenFile, .reconcilerAuthority, .reconcilerCertificate, .reconcilerKey,
            ]
            if let key = others.first(where: { settings.written[$0] != nil }) {
                throw Self.error(key, "\(SettingKey.reconcilerURLs.flag) is expected with it")
            }
            return nil
        }
        self.init(settings.reconcilerURLs)
        encoding = settings.reconcilerEncoding
        tokenFile = settings.reconcilerTokenFile
        authorityFile = settings.reconcilerAuthority
        proxies = ProxySettings(environment: environment)
        switch (settings.reconcilerCertificate, settings.reconcilerKey) {
        case (let chain?, let key?): certificate = ClientCertificate(chain: .file(chain), key: .file(key))
        case (nil, nil): break
        case (_?, nil):
            throw Self.error(.reconcilerCertificate, "\(SettingKey.reconcilerKey.flag) is expected with it")
        case (nil, _?):
            throw Self.error(.reconcilerKey, "\(SettingKey.reconcilerCertificate.flag) is expected with it")
        }
        if let url = urls.first(where: { !$0.isSecure }) {
            if tokenFile != nil, !url.isLoopback {
                throw Self.error(
                    .reconcilerTokenFile, "anybody could read the token on its way to \(url): use https://")
            }
            if certificate != nil {
                throw Self.error(.reconcilerCertificate, "\(url) asks for no certificate: use https://")
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
