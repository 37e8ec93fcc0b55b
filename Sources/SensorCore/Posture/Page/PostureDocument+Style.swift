// SPDX-License-Identifier: Apache-2.0

extension PostureDocument {
    /// Hatching, once for all drawings: what is not known differs by pattern, not by colour alone.
    static var patterns: StaticString {
        """
        <svg class="defs" width="0" height="0" aria-hidden="true"><defs>\
        <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">\
        <path class="hatch" d="M0 0V6"/></pattern>\
        <pattern id="cell" width="2.5" height="2.5" patternUnits="userSpaceOnUse">\
        <path class="cell" d="M0 2.5L2.5 0"/></pattern>\
        <pattern id="loss" width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">\
        <path class="loss" d="M0 0V4"/></pattern>\
        <pattern id="stripe" width="100" height="4" patternUnits="userSpaceOnUse">\
        <path class="stripe" d="M0 1H100"/></pattern></defs></svg>
        """
    }

    /// Text has a contrast of 4.5 to 1 and more in both schemes: `Tests/Page/check.py` computes it.
    static var style: StaticString {
        """
        :root{color-scheme:light dark;--page:#fff;--panel:#f6f7f9;--text:#1a1d21;--quiet:#59616c;--rule:#e1e4e9;\
        --accent:#2558c4;--link:#1f4fb5;--grid:#e1e4e9;--shade:#aab1bc;--partly:#e6e9ee;--lossy:#c26a14;\
        --good:#0b6b3a;--good-back:#e0f3e7;--bad:#a3161c;--bad-back:#fbe5e5;--warn:#7c4a03;--warn-back:#fbeed5;\
        --new:#2350a8;--new-back:#e3ecfc;--h0:#eceef1;--h1:#c9daf8;--h2:#9bbcf2;--h3:#6a99e8;--h4:#3c73d8;--h5:#1f4fb0}
        @media(prefers-color-scheme:dark){:root{--page:#121417;--panel:#1a1d22;--text:#e7e9ec;--quiet:#a1a8b3;\
        --rule:#2c3138;\
        --accent:#7fa9f7;--link:#9dbdfa;--grid:#2c3138;--shade:#5c6470;--partly:#272c33;--lossy:#e0954a;\
        --good:#86dba8;--good-back:#12331f;--bad:#ffaaa8;--bad-back:#421a1b;--warn:#f3c67d;--warn-back:#3a2a0e;\
        --new:#a9c6fd;--new-back:#1a2c4d;--h0:#22262c;--h1:#1f3357;--h2:#27477f;--h3:#3562ad;--h4:#5588dc;--h5:#94b9fb}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,sans-serif;\
        font-variant-numeric:tabular-nums;overflow-wrap:anywhere;-webkit-text-size-adjust:100%}
        main{max-width:1120px;margin:0 auto;padding:40px 32px 96px}
        h1{font-size:28px;line-height:1.2;letter-spacing:-.01em;margin:0}
        h1+p{margin:6px 0 32px}
        h2{font-size:22px;line-height:1.25;letter-spacing:-.01em;margin:0}
        h3{font-size:16px;margin:44px 0 12px}
        section{border-top:1px solid var(--rule);padding-top:32px;margin-top:56px}
        h1+p+section{margin-top:0}
        header p{margin:2px 0 0;color:var(--quiet)}
        a{color:var(--link)}
        .quiet{color:var(--quiet);font-size:13px}
        .about{display:flex;flex-wrap:wrap;gap:12px 40px;margin:20px 0 28px}
        .about div{min-width:0}
        dt{color:var(--quiet);font-size:13px}
        dd{margin:0}
        table{border-collapse:collapse;width:100%}
        th,td{text-align:left;vertical-align:top;padding:8px 16px 8px 0;\
        border-bottom:1px solid var(--rule);font-weight:400}
        th:last-child,td:last-child{padding-right:0}
        thead th{color:var(--quiet);font-size:13px;padding-top:0}
        .index tbody th,.known tbody th{font-weight:600}
        .known th,thead th{overflow-wrap:normal}thead .count{white-space:normal}.keep{white-space:nowrap}
        .index tbody th .quiet{font-weight:400}
        .count{text-align:right;white-space:nowrap}
        .facts{table-layout:fixed;margin-top:16px}
        .first{width:92px}.facts .count{color:var(--quiet)}
        .facts td{padding-top:6px;padding-bottom:6px}
        caption{text-align:left;padding:0 0 6px;color:var(--quiet);font-size:13px;border-bottom:1px solid var(--rule)}
        caption b{color:var(--text);font-size:15px;margin-right:6px}
        .hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
        caption.hidden,thead.hidden{border:0;padding:0}
        details{margin:0}
        summary{cursor:pointer;color:var(--link);font-size:13px;padding:8px 0}
        details .facts{margin-top:0}
        .chip{display:inline-block;font-size:12px;line-height:18px;padding:0 8px;border-radius:9px;white-space:nowrap;\
        border:1px solid transparent}
        .good{color:var(--good);background:var(--good-back)}
        .denied{color:var(--bad);background:var(--bad-back);font-weight:600}
        .failed{color:var(--warn);background:var(--warn-back)}
        .new{color:var(--new);background:var(--new-back)}
        .plain{color:var(--quiet);border-color:var(--shade)}
        svg{display:block;width:100%}
        .defs{position:absolute;width:0}
        .curves{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(300px,100%),1fr));gap:20px}
        figure{margin:0;padding:14px 14px 8px;background:var(--panel);border-radius:10px;min-width:0}
        figcaption{margin:0 0 6px;color:var(--quiet);font-size:13px}
        figcaption b{color:var(--text);font-size:15px;margin-right:6px}
        .tick{fill:var(--quiet);font-size:12px}
        .end{text-anchor:end}
        .grid{stroke:var(--grid);fill:none}
        .line{stroke:var(--accent);stroke-width:2;fill:none;stroke-linejoin:round}
        .unseen{stroke:var(--accent);stroke-width:1.5;stroke-dasharray:2 3;fill:none;opacity:.75}
        .unwatched{fill:url(#hatch)}.partly{fill:var(--partly)}.lossy{fill:url(#loss)}
        .week path{fill:none;stroke-width:8}.week .unwatched{stroke:url(#cell)}
        .hatch{stroke:var(--shade);stroke-width:1.4}.loss{stroke:var(--lossy);stroke-width:1.4}
        .cell{stroke:var(--shade);stroke-width:.35}.stripe{stroke:var(--accent);stroke-width:2}
        .key{color:var(--quiet);font-size:13px;margin:12px 0 0}
        .box{display:inline-block;width:12px;height:12px;border-radius:3px;margin:0 6px -1px 0}
        .key>span{display:inline-block;margin-right:20px}
        .box+.box{margin-left:-4px}
        .unwatched-box{background:repeating-linear-gradient(135deg,var(--shade) 0 1.4px,transparent 1.4px 5px);\
        outline:1px solid var(--rule)}
        .lossy-box{background:repeating-linear-gradient(45deg,var(--lossy) 0 1.4px,transparent 1.4px 4px);\
        outline:1px solid var(--rule)}
        .partly-box{background:var(--partly);outline:1px solid var(--rule)}
        .map{display:grid;grid-template-columns:fit-content(26%) minmax(0,1fr) fit-content(44%);gap:10px;font-size:13px}
        .map ul{list-style:none;margin:0;padding:0;display:flex;flex-direction:column;gap:4px}
        .map li{display:flex;align-items:center;min-width:0;line-height:1.15}
        .map .end li{justify-content:flex-end;text-align:right}
        .map li span{display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:2;overflow:hidden;\
        font-size:13px;max-height:32px;line-height:16px}
        .sensitive{color:var(--bad);font-weight:600}
        .bar{fill:var(--accent)}.sure{fill:var(--accent);opacity:.38}.unsure{fill:url(#stripe);opacity:.6}
        .sure-box{background:var(--accent);opacity:.5}
        .unsure-box{background:repeating-linear-gradient(0deg,var(--accent) 0 2px,transparent 2px 4px);opacity:.7}
        .week{display:grid;grid-template-columns:40px minmax(0,1fr);gap:4px 0}
        .week svg{height:126px}
        .days{display:grid;grid-template-rows:repeat(7,18px);font-size:12px;color:var(--quiet)}
        .days span{line-height:18px}
        .hours{grid-column:2;display:grid;grid-template-columns:repeat(4,1fr);font-size:13px;color:var(--quiet)}
        .h0{stroke:var(--h0)}.h1{stroke:var(--h1)}.h2{stroke:var(--h2)}.h3{stroke:var(--h3)}.h4{stroke:var(--h4)}\
        .h5{stroke:var(--h5)}
        .h0-box{background:var(--h0)}.h1-box{background:var(--h1)}.h2-box{background:var(--h2)}\
        .h3-box{background:var(--h3)}.h4-box{background:var(--h4)}.h5-box{background:var(--h5)}
        .coverage{table-layout:fixed}.coverage th:first-child{width:110px}.coverage th:nth-child(2){width:120px}
        @media(max-width:640px){main{padding:24px 16px 64px}.wide{display:none}.about{gap:12px 24px}\
        th,td{padding-right:10px}.first{width:72px}.map{gap:6px}.map,.map li span{font-size:12px}\
        .known th,.known td{padding-right:8px}\
        .index td .quiet{font-size:12px}.index th,.index td{padding-right:6px}\
        .coverage th:first-child{width:84px}.coverage th:nth-child(2){width:100px}}
        @media print{body{font-size:11px}main{max-width:none;padding:0}section{break-before:page}\
        h1+p+section{break-before:auto}tr,figure,.map,.week{break-inside:avoid}\
        *{-webkit-print-color-adjust:exact;print-color-adjust:exact}\
        details::details-content{content-visibility:visible}}
        """
    }
}
