// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Bytes that the OpenTelemetry SDK for Python (1.45) has sent: a span of an agent with, one within the other, the call of a
/// tool and of an MCP server's tool in it, which failed.
enum TraceRecording {
    /// Wall clock, ns, when the agent's span begins. The call takes from 1 s to 2 s after it, MCP's from 1.1 s to 1.9 s.
    static let begin: UInt64 = 1_700_000_100_000_000_000

    static let protobuf = bytes(
        """
        CuIGClIKGQoMc2VydmljZS5uYW1lEgkKB3BsYW5uZXIKNQoLazhzLnBvZC51aWQSJgokNGYwZjFiN2UtMDAwMC00MDAwLTgwMDAt
        MDAwMDAwMDAwMDAxEosGCgwKBWFnZW50EgMxLjAS4QEKEAECAwQFBgcICQoLDA0ODxASCBERERERERETIggREREREREREioUdG9v
        bHMvY2FsbCByZWFkX2ZpbGUwAzkAkzHAFZ2XF0EAm+DvFZ2XF0ofCg9tY3AubWV0aG9kLm5hbWUSDAoKdG9vbHMvY2FsbEofChBn
        ZW5fYWkudG9vbC5uYW1lEgsKCXJlYWRfZmlsZUoZCg5tY3Auc2Vzc2lvbi5pZBIHCgVtY3AtOUoaCgplcnJvci50eXBlEgwKCnRv
        b2xfZXJyb3J6EBIMbm8gc3VjaCBmaWxlGAKFAQABAAASnQMKEAECAwQFBgcICQoLDA0ODxASCBERERERERESIggRERERERERESoW
        ZXhlY3V0ZV90b29sIHJlYWRfZmlsZTABOQCyO7oVnZcXQQB81vUVnZcXSicKFWdlbl9haS5vcGVyYXRpb24ubmFtZRIOCgxleGVj
        dXRlX3Rvb2xKHwoQZ2VuX2FpLnRvb2wubmFtZRILCglyZWFkX2ZpbGVKHwoTZ2VuX2FpLnRvb2wuY2FsbC5pZBIICgZjYWxsXzFK
        HgoRZ2VuX2FpLmFnZW50Lm5hbWUSCQoHcGxhbm5lckobCg9nZW5fYWkuYWdlbnQuaWQSCAoGYXNzdF81SiIKFmdlbl9haS5jb252
        ZXJzYXRpb24uaWQSCAoGY29udl83SjIKGmdlbl9haS50b29sLmNhbGwuYXJndW1lbnRzEhQKEnsicGF0aCI6Ii9zZWNyZXQifUoM
        CgZ0b2tlbnMSAhgRShUKBXBhcnRzEgwqCgoDCgFhCgMKAWJKEgoFc2NvcmUSCSEAAAAAAADgP0oICgJvaxICEAF6AIUBAAEAABJ3
        ChABAgMEBQYHCAkKCwwNDg8QEggRERERERERESoUaW52b2tlX2FnZW50IHBsYW5uZXIwATkA6KB+FZ2XF0EARnExFp2XF0onChVn
        ZW5fYWkub3BlcmF0aW9uLm5hbWUSDgoMaW52b2tlX2FnZW50egCFAQABAAA=
        """)

    /// The same, packed.
    static let gzip = bytes(
        """
        H4sIAAAAAAACA4WSv2/TQBTH7Zg4yYvJj2sS2iLR1EIgRYobo1ZtYEAsDDfyD1hX59JYcXzmzklL+bExMTIwoEr8DYxM/BXMhYmN
        iZ07200DSO0bnk7v3n3f9+Nn+GHCM9gAS1C+CHzqRGRGUQVKcUiiiHLYg+r0QDgxGznzYITuwd3d8WDsHu7T/kBGf1elA5UGl+Gi
        dyZYUCRHNEqQ4ToD9F2Hhl4wbhTNUrkCVetmrd5A5WYWa/bFCfVaCWOh2PFJGHY5JSNvHIR0YAy19+7X9tmHW0+0j+e/1AFvQX3m
        x86MJhPpLjVuAVw+lw0NacAjgaOKWUcVKktVvAE1pSCoEAGLHMlXgqKs9Id4E4ByzriTvIiXul5aOm0gK2JdMfcnXSWzXnira7qm
        oTPjCka0ZGz2OvSE+vOEekp0hVIfap8ffckoX337nVLeh3YOwWLKSaKMpiQ1sFZlrqfdgrXVBvWJFHIZTHX0XHwHmnlDurh//wV8
        G+p/3WePiRCJt4dt6OSXPosWlIvMaj5Alrx9/AA2/3NA+NF8JtUEagF6acckmdgP7R1BfU4T+zW2wEzYlEYCFdabuA3FmHDZbPUA
        DNCJSocYQVH4jEu321oa549xGQpsigoN/VTL93N8xXqavVYQLeQgL2Xr5sxqJT8/vclW8vS527luJasiF4P/AJm46EplAwAA
        """)

    /// 512 KiB of zeros. Packed pieces one after the other are one whole.
    static let packedZeros = bytes(
        """
        H4sIAAAAAAACA+3BgQAAAADDoPlT3+AEVQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
        AAAAAAAAAAB8A6wKZnUAAAgA
        """)

    /// The same request in JSON, as the specification has it.
    static let json = """
        {"resourceSpans":[{"resource":{"attributes":[
          {"key":"service.name","value":{"stringValue":"planner"}},
          {"key":"k8s.pod.uid","value":{"stringValue":"4f0f1b7e-0000-4000-8000-000000000001"}}]},
         "scopeSpans":[{"scope":{"name":"agent"},"spans":[
          {"traceId":"0102030405060708090A0B0C0D0E0F10","spanId":"1111111111111113",
           "parentSpanId":"1111111111111112","name":"tools/call read_file","kind":3,"flags":257,
           "startTimeUnixNano":"1700000101100000000","endTimeUnixNano":"1700000101900000000",
           "attributes":[{"key":"mcp.method.name","value":{"stringValue":"tools/call"}},
            {"key":"gen_ai.tool.name","value":{"stringValue":"read_file"}},
            {"key":"mcp.session.id","value":{"stringValue":"mcp-9"}},
            {"key":"error.type","value":{"stringValue":"tool_error"}}],
           "status":{"code":2,"message":"no such file"}},
          {"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"1111111111111112",
           "parentSpanId":"1111111111111111","name":"execute_tool read_file","kind":"SPAN_KIND_INTERNAL",
           "startTimeUnixNano":1700000101000000000,"endTimeUnixNano":"1700000102000000000",
           "attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"execute_tool"}},
            {"key":"gen_ai.tool.name","value":{"stringValue":"read_file"}},
            {"key":"gen_ai.tool.call.id","value":{"stringValue":"call_1"}},
            {"key":"gen_ai.agent.name","value":{"stringValue":"planner"}},
            {"key":"gen_ai.agent.id","value":{"stringValue":"asst_5"}},
            {"key":"gen_ai.conversation.id","value":{"stringValue":"conv_7"}},
            {"key":"tokens","value":{"intValue":"17"}},{"key":"score","value":{"doubleValue":0.5}},
            {"key":"parts","value":{"arrayValue":{"values":[{"stringValue":"a"}]}}},{"key":"none"}],
           "status":{},"droppedAttributesCount":0},
          {"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"1111111111111111","parentSpanId":"",
           "name":"invoke_agent planner","startTimeUnixNano":"1700000100000000000",
           "endTimeUnixNano":"1700000103000000000","attributes":[]}]}]}]}
        """

    private static func bytes(_ base64: String) -> [UInt8] {
        Array(Data(base64Encoded: base64.filter { !$0.isWhitespace }) ?? Data())
    }
}
