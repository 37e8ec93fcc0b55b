// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

/// In these tables `|` parts arguments and `•` stands for what is hidden.
@Suite struct RedactorTests {
    private static let hidden: [(String, String)] = [
        // Options, with the value attached or behind.
        ("app|--password=hunter2", "app|--password=•"),
        ("app|--password|hunter2|--verbose", "app|--password|•|--verbose"),
        ("app|-password|hunter2", "app|-password|•"),
        ("app|--password|-hunter2", "app|--password|•"),
        ("app|--password=two words", "app|--password=•"),
        ("app|--db-password|x", "app|--db-password|•"),
        ("app|--dbPass=x", "app|--dbPass=•"),
        ("app|--DB_PASSWD|x", "app|--DB_PASSWD|•"),
        ("app|--passphrase|open sesame", "app|--passphrase|•"),
        ("app|--client-secret|x|--token|y", "app|--client-secret|•|--token|•"),
        ("app|--api-key|abc", "app|--api-key|•"),
        ("app|--apikey=abc", "app|--apikey=•"),
        ("app|--secretAccessKey=/abc", "app|--secretAccessKey=•"),
        ("java|-Dspring.datasource.password=x|Main", "java|-Dspring.datasource.password=•|Main"),
        ("openssl|enc|-pass|pass:x|-passin|pass:y", "openssl|enc|-pass|•|-passin|•"),
        (
            "kubectl|create|secret|generic|db|--from-literal=password=x",
            "kubectl|create|secret|generic|db|--from-literal=password=•"
        ),
        // Variables.
        ("env|TOKEN=abc|GITHUB_TOKEN=def|run", "env|TOKEN=•|GITHUB_TOKEN=•|run"),
        (
            "docker|run|-e|MYSQL_ROOT_PASSWORD=x y|-eDB_PASSWORD=z",
            "docker|run|-e|MYSQL_ROOT_PASSWORD=•|-eDB_PASSWORD=•"
        ),
        ("env|PGPASSWORD=x|MYSQL_PWD=y|psql", "env|PGPASSWORD=•|MYSQL_PWD=•|psql"),
        ("env|AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "env|AWS_SECRET_ACCESS_KEY=•"),
        ("env|SESSION_KEY=q8Zk2LmN4pR7tVx1YbC3dEfG", "env|SESSION_KEY=•"),
        // Short options, where the command tells what they are.
        ("mysql|-uroot|-phunter2|db", "mysql|-uroot|-p•|db"),
        ("/usr/bin/mysqldump|-ph!@#nter2|db", "/usr/bin/mysqldump|-p•|db"),
        ("sudo|-u|root|mysql|-phunter2", "sudo|-u|root|mysql|-p•"),
        ("sshpass|-p|x|ssh|-p|22|host", "sshpass|-p|•|ssh|-p|22|host"),
        ("sshpass|-px|ssh|host", "sshpass|-p•|ssh|host"),
        ("docker|login|-u|me|-p|x|registry.test", "docker|login|-u|me|-p|•|registry.test"),
        ("curl|-u|me:x|http://a.test", "curl|-u|me:•|http://a.test"),
        ("curl|-ume:x|http://a.test", "curl|-ume:•|http://a.test"),
        ("curl|--user|me:x:y|--proxy-user=p:q", "curl|--user|me:•|--proxy-user=p:•"),
        ("redis-cli|-a|x|ping", "redis-cli|-a|•|ping"),
        ("ldapsearch|-D|cn=me|-w|x", "ldapsearch|-D|cn=me|-w|•"),
        ("smbclient|-U|me%x|//host/share", "smbclient|-U|me%•|//host/share"),
        ("zip|-P|x|a.zip|b", "zip|-P|•|a.zip|b"),
        // Headers.
        ("curl|-H|Authorization: Bearer abc.def", "curl|-H|Authorization: Bearer •"),
        ("curl|-H|authorization:Basic dTpw", "curl|-H|authorization:Basic •"),
        ("curl|-H|X-Auth-Token:abc", "curl|-H|X-Auth-Token:•"),
        ("sh|-c|curl --header 'X-Api-Key:abc' a.test", "sh|-c|curl --header 'X-Api-Key:•' a.test"),
        ("curl|-H|Authorization: abc", "curl|-H|Authorization: •"),
        ("curl|-H|Proxy-Authorization: Digest username=\"me\"", "curl|-H|Proxy-Authorization: Digest •\"me\""),
        ("curl|-HX-Api-Key: abc|http://a.test", "curl|-HX-Api-Key: •|http://a.test"),
        ("curl|-H|Cookie: a=b; c=d, e=f", "curl|-H|Cookie: •"),
        ("curl|-H|X-Custom: Bearer 0123456789abcdef", "curl|-H|X-Custom: Bearer •"),
        // URLs.
        ("git|clone|https://me:x@git.test/a.git", "git|clone|https://me:•@git.test/a.git"),
        ("psql|postgres://me:p/w@db.test:5432/x?sslmode=off", "psql|postgres://me:•@db.test:5432/x?sslmode=off"),
        ("run|redis://:x@cache.test", "run|redis://:•@cache.test"),
        ("git|clone|https://q8Zk2LmN4pR7tVx1YbC3dEfG@git.test/a", "git|clone|https://•@git.test/a"),
        ("curl|http://a.test/?user=me&token=abc&x=1#frag", "curl|http://a.test/?user=me&token=•&x=1#frag"),
        ("curl|https://b.test/o?sig=q8Zk2LmN4pR7tVx1YbC3dEfG%3D&sv=1", "curl|https://b.test/o?sig=•&sv=1"),
        ("curl|-d|user=me&password=x&y=1", "curl|-d|user=me&password=•&y=1"),
        // Tokens that tell what they are.
        ("run|AKIAIOSFODNN7EXAMPLE", "run|•"),
        ("run|ghp_0123456789abcdefABCDEF0123456789abcd,x", "run|•,x"),
        ("run|--t=github_pat_11ABCDEFG0123456789", "run|--t=•"),
        ("run|glpat-0123456789abcdefghij", "run|•"),
        ("run|xoxb-123456789012-abcdefghij", "run|•"),
        ("run|sk-ant-REDACTED", "run|•"),
        ("run|eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.SflKxwRJSMeKKF2QT4", "run|•"),
        ("run|-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest", "run|•\nrest"),
        ("run|-----BEGIN PRIVATE KEY-----\nMIIE", "run|•"),
        // Scripts for a shell, JSON.
        (
            "sh|-c|TOKEN=abc curl -H \"Authorization: Bearer xyz\" http://a.test",
            "sh|-c|TOKEN=• curl -H \"Authorization: Bearer •\" http://a.test"
        ),
        ("bash|-lc|mysql -uroot -phunter2 -e 'select 1'", "bash|-lc|mysql -uroot -p• -e 'select 1'"),
        ("sh|-c|app --password 'a b' --verbose", "sh|-c|app --password '•' --verbose"),
        ("sh|-c|app --password a --verbose", "sh|-c|app --password • --verbose"),
        (
            "curl|-d|{\"user\":\"me\",\"password\":\"a\\\"b\",\"n\":1}",
            "curl|-d|{\"user\":\"me\",\"password\":\"•\",\"n\":1}"
        ),
        ("curl|-d|{\"pin\":1, \"token\": 12345678, \"n\":1}", "curl|-d|{\"pin\":1, \"token\": •, \"n\":1}"),
        (
            "sh|-c|curl -d \"{\\\"password\\\":\\\"x\\\"}\" a.test",
            "sh|-c|curl -d \"{\\\"password\\\":\\\"•\\\"}\" a.test"
        ),
        ("psql|host=db user=me password=x dbname=y", "psql|host=db user=me password=• dbname=y"),
        ("run|Server=db;Uid=sa;Pwd=x;Database=y", "run|Server=db;Uid=sa;Pwd=•;Database=y"),
    ]

    @Test(arguments: hidden)
    func `a secret is hidden and nothing else`(_ line: String, _ expected: String) {
        #expect(Self.redacted(line) == expected)
    }

    @Test(arguments: [
        "ls|-la|/home/me/passwords", "cat|/etc/passwd|/run/secrets/token", "vi|password.txt",
        "git|show|da39a3ee5e6b4b0d3255bfef95601890afd80709", "run|--id=123e4567-e89b-12d3-a456-426614174000",
        "run|--key=123e4567-e89b-12d3-a456-426614174000", "run|--key|da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "docker|run|--rm|alpine@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "docker|run|-p|8080:80|--user|1000:1000|nginx", "docker|run|vault-token:latest", "mkdir|-p|/tmp/a/b",
        "ssh|-p|22|me@host", "cp|-p|a|b", "nc|-u|-p|53|host", "sort|--key=2,3|-u", "tar|--use-compress-program=x",
        "run|--token-file|/run/token", "run|--password-file=/run/pw", "docker|login|--password-stdin|-u|me",
        "run|--max-tokens=4096|--max_token|128", "run|--tokenizer|gpt2", "run|--tls-private-key=/etc/tls/key.pem",
        "run|--private-key|key.pem", "run|--credentials=@creds.json", "ansible|--ask-pass|play.yml",
        "run|--no-password|db", "env|PWD=/app|OLDPWD=/|run", "env|SSH_AUTH_SOCK=/tmp/agent.1|XAUTHORITY=/home/me/.X",
        "git|commit|--author=Jane Doe <jane@a.test>", "run|--compass=north|--bypass=1", "run|--primary-key=id",
        "run|--monkey=george", "sh|-c|test \"$TOKEN\" == abc", "sh|-c|echo $PASSWORD --password ${PASSWORD}",
        "sh|-c|app --password=$DB_PASSWORD --token=$(cat /run/t)", "run|--password={{ .Values.password }}",
        "git|clone|ssh://git@git.test/a.git", "git|clone|git@git.test:a/b.git", "curl|http://a.test:8080/@me/x",
        "curl|http://[::1]:80/a@b", "run|https://a.test/path?q=1&page=2", "run|--password", "run|--password|--verbose",
        "mysql|-p|db", "mysql|-uroot|-P|3306", "python3|-m|tokenize|x.py", "run|my-sk-learn-model-name-0001",
        "run|sk-learn-a-long-model-name", "run|eyJ", "run|AKIA", "gcc|-DNDEBUG|-pthread|-o|a.out", "run|", "run||x|",
        "run|-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", "7z|x|a.7z", "bearer|x", "sleep|1",
        "run|--session=main|--auth=none|--auth|oauth2", "node|--enable-source-maps|/app/node_modules/.bin/key",
        "find|/|-name|*.key", "curl|-u|me|http://a.test", "grep|-c|token=|f", "kubectl|get|secret|db|-o|yaml",
    ])
    func `what is no secret stays`(_ line: String) {
        #expect(Self.redacted(line) == line)
    }

    @Test func `the number of arguments stays, whatever the bytes`() {
        var random = SplitMix(seed: 3)
        let pieces =
            [
                "--password", "=", ":", " ", "\"", "'", "\\", "-p", "mysql", "curl", "-u", "https://", "@", "token",
                "$",
                "-----BEGIN PRIVATE KEY-----", "-----END", "Authorization", "Bearer", "sh", "-c", "eyJ", "AKIA", "a",
                "é",
                "{", "}", "-", "/", "\n", "ghp_0123456789abcdefABCDEF",
            ].map { Array($0.utf8) } + [[0], [0], [0], [0xff], [0xc3]]
        for _ in 0..<5000 {
            let count = Int.random(in: 0...30, using: &random)
            let block = (0..<count).flatMap { _ in pieces.randomElement(using: &random) ?? [] }
            let ends = block.count { $0 == 0 }
            let expected = block.isEmpty || block.last == 0 ? ends : ends + 1
            #expect(Redactor().arguments(block).count == expected)
        }
    }

    @Test func `an argument that was cut is still one`() {
        #expect(Redactor().arguments(Array("app\0--password=hun".utf8)) == ["app", "--password=[redacted]"])
        #expect(Redactor().arguments([]) == [])
        #expect(Redactor().arguments([0, 0]) == ["", ""])
    }

    @Test func `bytes that are no text are repaired around a secret`() {
        let block: [UInt8] = [0xff, 0] + Array("--token=".utf8) + [0xfe, 0x80, 0]
        #expect(Redactor().arguments(block) == ["\u{fffd}", "--token=[redacted]"])
    }

    @Test func `tokens are found by leaps as by going from word to word`() {
        let redactor = Redactor()
        var random = SplitMix(seed: 7)
        let parts = [
            "ghp_0123456789abcdefghijABCDEFGHIJ012345", "AKIAIOSFODNN7EXAMPLE", "/", "//", "=", " ", "usr", "lib64",
            "python3.11", "a-name-of-some-length-that-is-no-token", "é", "x",
        ]
        var found = 0
        for _ in 0..<500 {
            let text = (0..<Int.random(in: 0..<8, using: &random)).map { _ in parts.randomElement(using: &random) ?? ""
            }
            .joined()
            let leaping = redactor.path(ByteString(text))
            // SUB, which stands for a byte of a secret, has every word looked at.
            let walking = redactor.path(ByteString(Array(text.utf8) + [UInt8(ascii: "/"), 0x1a]))
            #expect(walking.bytes == leaping.bytes + Array("/\(Redactor.replacement)".utf8))
            if leaping.text != text { found += 1 }
        }
        #expect(found > 50)
    }

    @Test(arguments: [
        ("/home/me/.ssh/id_rsa", "/home/me/.ssh/id_rsa"),
        ("/tmp/ghp_0123456789abcdefABCDEF0123456789abcd/x", "/tmp/[redacted]/x"),
        ("/tmp/password=x", "/tmp/password=x"),
        (
            "/.git/objects/da/39a3ee5e6b4b0d3255bfef95601890afd80709",
            "/.git/objects/da/39a3ee5e6b4b0d3255bfef95601890afd80709"
        ),
    ])
    func `a path is shown but for tokens in it`(_ path: String, _ expected: String) {
        #expect(Redactor().path(ByteString(path)).text == expected)
    }

    @Test(arguments: [
        ("run|--X-Corp-Pin=12|--other=12", "run|--X-Corp-Pin=•|--other=12"),
        ("run|--x-corp-pin|12", "run|--x-corp-pin|•"),
        ("env|ACME_PIN=1|run", "env|ACME_PIN=•|run"),
        ("cat|/run/corp/list|/run/other", "cat|•|/run/other"),
    ])
    func `what the operator's file names is hidden too`(_ line: String, _ expected: String) {
        let patterns = RedactionPatterns(
            parsing: """
                # what our own tools use

                  x-corp-pin\u{20}
                *_PIN
                /run/corp/*
                """)
        #expect(Self.redacted(line, by: Redactor(patterns: patterns)) == expected)
        #expect(Redactor(patterns: patterns).path("/run/corp/list") == "/[redacted]")
    }

    @Test(arguments: hidden.map(\.0))
    func `what was masked reads as what was not`(_ line: String) throws {
        let block = line.utf8.map { $0 == UInt8(ascii: "|") ? 0 : $0 } + [0]
        let copy = Redactor().masked(block.span.bytes)
        let masked = try #require(copy)

        #expect(masked.count == block.count)
        #expect(Redactor().arguments(masked) == Redactor().arguments(block))
    }

    @Test func `nothing is masked where there is no secret`() {
        let line = Array("ls\0-la\0".utf8)
        let masked = Redactor().masked(line.span.bytes)
        #expect(masked == nil)
    }

    static func redacted(_ line: String, by redactor: Redactor = Redactor()) -> String {
        let block = line.utf8.map { $0 == UInt8(ascii: "|") ? 0 : $0 } + [0]
        return redactor.arguments(block).map { $0.replacing(Redactor.replacement, with: "•") }.joined(separator: "|")
    }
}
