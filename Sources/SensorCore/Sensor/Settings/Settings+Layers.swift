// SPDX-License-Identifier: Apache-2.0

extension Settings {
    /// Puts the layers on top of each other: what a flag says wins over the environment, that over the file.
    ///
    /// Every layer is checked, even where a stronger one hides it: a file that is wrong is wrong.
    ///
    /// - Parameters:
    ///   - flags: what the command line gave.
    ///   - environment: the whole environment; variables of other programs are not looked at.
    ///   - file: the configuration file's path and content, if one was given.
    package init(
        flags: [SettingKey: String], environment: [String: String] = [:], file: (path: String, text: [UInt8])? = nil
    ) throws(SettingsError) {
        self.init()
        if let file { try take(file.text, from: file.path) }
        for key in SettingKey.allCases {
            guard let value = environment[key.variable] else { continue }
            do throws(SettingFault) {
                try set(key, to: value)
            } catch {
                throw SettingsError(origin: .environment, name: key.variable, reason: error.reason)
            }
        }
        for key in SettingKey.allCases {
            guard let value = flags[key] else { continue }
            do throws(SettingFault) {
                try set(key, to: value)
            } catch {
                throw SettingsError(origin: .flag, name: key.flag, reason: error.reason)
            }
        }
    }

    private mutating func take(_ text: [UInt8], from path: String) throws(SettingsError) {
        let file: ConfigurationFile
        do throws(ConfigurationFile.Fault) {
            file = try ConfigurationFile(text)
        } catch {
            throw SettingsError(origin: .file(path: path, line: error.line), name: error.key, reason: error.reason)
        }
        for entry in file.entries {
            let origin = SettingsError.Origin.file(path: path, line: entry.line)
            guard let key = SettingKey(fileKey: entry.key) else {
                throw SettingsError(origin: origin, name: entry.key, reason: "unknown setting")
            }
            do throws(SettingFault) {
                try set(key, to: entry.value)
            } catch {
                throw SettingsError(origin: origin, name: entry.key, reason: error.reason)
            }
        }
    }
}
