// SPDX-License-Identifier: Apache-2.0

/// An option whose name says nothing, but that takes a secret in the commands that have it.
struct CommandOption: Sendable {
    enum Value: Sendable {
        /// All of it is secret.
        case secret
        /// `user:secret`
        case user
        /// `user%secret`
        case percentUser
    }

    enum Place: Sendable {
        /// `-pSECRET`
        case attached
        /// `-p SECRET`
        case next
        case either
    }

    /// Without its dashes: one letter, or the name of a long option.
    var name: StaticString
    var value: Value = .secret
    var place: Place = .either
    /// It means this only after the word `login`.
    var isOfLogin = false

    /// What is known of a command, by the last part of its path; nil if nothing is.
    static func options(of command: Span<UInt8>) -> [CommandOption]? {
        guard command.count <= 15 else { return nil }
        return commands[command.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }]
    }

    /// Whether any command has such an option: asked first, since it costs nothing.
    static func isOfInterest(letter: UInt8) -> Bool {
        switch letter {
        case UInt8(ascii: "a"), UInt8(ascii: "p"), UInt8(ascii: "u"), UInt8(ascii: "w"), UInt8(ascii: "A"),
            UInt8(ascii: "E"), UInt8(ascii: "P"), UInt8(ascii: "U"), UInt8(ascii: "X"):
            true
        default: false
        }
    }

    private static let commands: [String: [CommandOption]] = {
        let attachedPassword = [CommandOption(name: "p", place: .attached)]
        let login = [CommandOption(name: "p", place: .next, isOfLogin: true)]
        let nextPassword = [CommandOption(name: "p", place: .next)]
        let capital = [CommandOption(name: "P")]
        let web = [CommandOption(name: "a", value: .user)]
        let directory = [CommandOption(name: "w")]
        let curl = [
            CommandOption(name: "u", value: .user), CommandOption(name: "U", value: .user),
            CommandOption(name: "E", value: .user), CommandOption(name: "user", value: .user),
            CommandOption(name: "proxy-user", value: .user), CommandOption(name: "cert", value: .user),
        ]
        let network = [CommandOption(name: "A"), CommandOption(name: "X")]
        let share = [CommandOption(name: "U", value: .percentUser), CommandOption(name: "user", value: .percentUser)]
        let groups: [([String], [CommandOption])] = [
            (
                [
                    "mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlshow", "mysqlcheck", "mysqlslap",
                    "mysqlsh",
                    "mysqlbinlog", "mysqlpump", "mariadb", "mariadb-dump", "mariadb-admin", "7z", "7za", "7zr", "rar",
                    "unrar",
                ], attachedPassword
            ),
            (["sshpass"], [CommandOption(name: "p")]),
            (
                ["docker", "podman", "nerdctl", "buildah", "skopeo", "helm", "oras", "crane", "oc", "az", "regctl"],
                login
            ),
            (["mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "cqlsh"], nextPassword),
            (["zip", "unzip", "zipcloak", "ipmitool", "sqlcmd", "bcp"], capital),
            (["http", "https", "xh"], web),
            (["redis-cli", "valkey-cli", "keydb-cli"], [CommandOption(name: "a", place: .next)]),
            (
                ["ldapsearch", "ldapmodify", "ldapadd", "ldapdelete", "ldappasswd", "ldapwhoami", "ldapcompare"],
                directory
            ),
            (["curl"], curl),
            // Known to have none: they stand behind others, as in `sshpass -p SECRET ssh -p 22`.
            (["ssh", "scp", "sftp", "rsync"], []),
            (["snmpget", "snmpwalk", "snmpset", "snmpbulkwalk", "snmpgetnext"], network),
            (["smbclient", "rpcclient", "smbmap"], share),
        ]
        return Dictionary(
            groups.flatMap { names, options in names.map { ($0, options) } }, uniquingKeysWith: { first, _ in first })
    }()
}
