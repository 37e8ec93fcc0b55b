// SPDX-License-Identifier: Apache-2.0

/// What a command line has in common with others of its kind: options and subcommands by name, all else by what it is.
enum ArgumentShape {
    /// Words of a shape; of more only the number is told.
    private static let limit = 16

    /// - Parameter arguments: the command line, the program's own name first.
    static func of(_ arguments: [String]) -> String {
        // One word may be a subcommand; what follows may be anything, secrets included.
        var hasSubcommand = false
        var words = arguments.dropFirst().prefix(limit).map { word($0, &hasSubcommand) }
        if arguments.count - 1 > limit { words.append("{+\(arguments.count - 1 - limit)}") }
        return words.joined(separator: " ")
    }

    private static func word(_ argument: String, _ hasSubcommand: inout Bool) -> String {
        if argument.hasPrefix("--"), argument.utf8.count > 2 {
            guard let end = argument.firstIndex(of: "=") else { return isName(argument, 48) ? argument : "{option}" }
            let name = argument[..<end]
            return isName(name, 48) ? "\(name)={\(kind(argument[argument.index(after: end)...]))}" : "{option}"
        }
        if argument.hasPrefix("-"), argument.utf8.count > 1 {
            // What stands behind the letter may be its value.
            let short = argument.prefix(2)
            guard isName(short, 2) else { return "{option}" }
            return argument.count == 2 ? argument : "\(short){…}"
        }
        guard !hasSubcommand, isName(argument, 16), argument.utf8.first.map({ !isDigit($0) }) ?? false else {
            return "{\(kind(argument))}"
        }
        hasSubcommand = true
        return argument
    }

    private static func kind(_ value: some StringProtocol) -> String {
        let bytes = value.utf8
        if bytes.isEmpty { return "empty" }
        if bytes.allSatisfy(isDigit) { return "number" }
        if value.contains("://") { return "url" }
        if bytes.first == UInt8(ascii: "/") || value.hasPrefix("./") || value.hasPrefix("../") { return "path" }
        return "text"
    }

    /// Short and of letters, as what somebody has thought of.
    private static func isName(_ text: some StringProtocol, _ limit: Int) -> Bool {
        let bytes = text.utf8
        var digits = 0
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"),
                UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "+"):
                continue
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits += 1
            default: return false
            }
        }
        return bytes.count <= limit && digits <= 3
    }

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }
}
