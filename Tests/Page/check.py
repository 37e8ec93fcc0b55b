#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py [--screenshots DIR] PAGE... - looks at posture pages with a browser.

Each must be well-formed and say what it is about to those who cannot see it, load without a message on the console
and without a request to anywhere, have readable text in light and dark, and fit into 360 pixels. Exit status 77: there
is no Chromium.
"""
import argparse
import functools
import html
import html.parser
import http.server
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
CONTRAST = 4.5
SCHEMES = {"light": 1, "dark": 0}

# In a page around it, which sees into the frame: the page itself forbids every script.
PROBE = """<!DOCTYPE html><meta charset="utf-8"><style>body{margin:0}iframe{border:0;display:block}</style>
<iframe id="frame" width="%(width)d" height="%(height)d" src="/%(page)s"></iframe><pre id="result"></pre><script>
frame.onload = () => {
  const page = frame.contentDocument, view = frame.contentWindow, found = [];
  if (%(open)d) for (const details of page.querySelectorAll("details")) details.open = true;
  const parse = text => {
    const parts = (text.match(/[\\d.]+/g) || []).map(Number);
    return parts.length < 3 ? null : [parts[0], parts[1], parts[2], parts.length > 3 ? parts[3] : 1];
  };
  const over = (top, below) => below.map((value, index) => index > 2 ? 1 : top[index] * top[3] + value * (1 - top[3]));
  const back = element => {
    const layers = [];
    for (let place = element; place; place = place.parentElement) {
      const colour = parse(view.getComputedStyle(place).backgroundColor);
      if (colour && colour[3] > 0) layers.push(colour);
    }
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  };
  const light = colour => [.2126, .7152, .0722].reduce((sum, weight, index) => {
    const part = colour[index] / 255;
    return sum + weight * (part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
  }, 0);
  let least = 99, texts = 0;
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("title,.hidden")) continue;
    if (!element.getClientRects().length) continue;
    const style = view.getComputedStyle(element), behind = back(element);
    const isDrawn = element.ownerSVGElement || element.tagName == "svg";
    const front = over(parse(isDrawn ? style.fill : style.color), behind);
    const [one, other] = [light(front), light(behind)];
    const ratio = (Math.max(one, other) + .05) / (Math.min(one, other) + .05);
    least = Math.min(least, ratio);
    texts += 1;
    if (ratio < %(contrast)s) found.push(`contrast ${ratio.toFixed(2)}: ${walker.currentNode.data.slice(0, 40)}`);
    const right = element.getBoundingClientRect().right;
    if (right > %(width)d + 1) found.push(`too wide: ${element.textContent.slice(0, 40)}`);
  }
  const wide = page.scrollingElement.scrollWidth;
  if (wide > %(width)d) found.push(`${wide} pixels wide in %(width)d`);
  const body = view.getComputedStyle(page.body).backgroundColor;
  result.textContent = JSON.stringify(
    {texts, least: +least.toFixed(2), back: body, found: [...new Set(found)].slice(0, 20)});
};
</script>"""


class Structure(html.parser.HTMLParser):
    """What is wrong with a page's elements."""

    def __init__(self):
        super().__init__()
        self.stack, self.faults, self.counts, self.tables = [], [], {}, []

    def handle_starttag(self, tag, attributes):
        names = dict(attributes)
        self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag in ("script", "link", "iframe", "object", "embed", "img", "base", "form"):
            self.faults.append(f"<{tag}> has no place in it")
        for name, value in attributes:
            if name.startswith("on") or name in ("src", "action", "background"):
                self.faults.append(f"attribute {name}")
            if name in ("href", "xlink:href") and not re.fullmatch(r"#s\d+", value or ""):
                self.faults.append(f"{name}={value!r}")
            if name == "style" and not re.fullmatch(r"height:[\d.]+px", value or ""):
                self.faults.append(f"style={value!r}")
        if tag == "svg" and names.get("role") != "img" and names.get("aria-hidden") != "true":
            self.faults.append("a drawing without a role")
        if self.stack and self.stack[-1] == "table" and self.counts.get("caption", 0) < self.counts["table"]:
            self.faults.append("a table without a caption first")
        if self.stack and self.stack[-1] == "svg" and tag not in ("title", "defs", "path", "text"):
            self.faults.append(f"<{tag}> in a drawing")
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.stack.pop()

    def handle_endtag(self, tag):
        if tag in VOID or not self.stack or self.stack.pop() != tag:
            self.faults.append(f"</{tag}> ends something else, line {self.getpos()[0]}")


def structure(path):
    text = path.read_text(encoding="utf-8")
    checker = Structure()
    checker.feed(text)
    checker.close()
    faults = checker.faults + ([f"<{tag}> is not closed" for tag in checker.stack])
    drawings = len(re.findall(r'<svg[^>]*role="img"[^>]*><title>[^<]', text))
    if drawings != len(re.findall(r'<svg[^>]*role="img"', text)):
        faults.append("a drawing without a title")
    if checker.counts.get("h1") != 1 or not re.search(r"<title>[^<]+</title>", text) or '<html lang="en">' not in text:
        faults.append("no title, heading or language")
    if "default-src 'none'; style-src 'unsafe-inline'" not in text:
        faults.append("no Content-Security-Policy")
    return faults


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.pages.get(self.path)
        self.server.asked.append(self.path)
        self.send_response(200 if content is not None else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_):
        pass


class Browser:
    def __init__(self, program, profile):
        self.command = [
            program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
            f"--user-data-dir={profile}", "--enable-logging=stderr",
        ]  # fmt: skip

    def run(self, scheme, *options):
        return subprocess.run(
            [*self.command, f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}", *options],
            capture_output=True, text=True, errors="replace", timeout=180, check=False,
        )  # fmt: skip


def console(output):
    return [line for line in output.splitlines() if "CONSOLE" in line]


def look(browser, server, address, path, screenshots):
    """Faults of one page in the browser."""
    faults = []
    server.pages["/" + path.name] = path.read_bytes()
    server.asked.clear()
    plain = browser.run("light", "--dump-dom", f"{address}/{path.name}")
    if "</main>" not in plain.stdout:
        return [f"the browser shows nothing: {plain.stderr[-300:]}"]
    faults += console(plain.stderr)
    others = {asked for asked in server.asked if asked not in ("/" + path.name, "/favicon.ico")}
    faults += [f"asked for {asked}" for asked in sorted(others)]
    backs = {}
    for scheme in SCHEMES:
        for width in 360, 1600:
            name = f"/probe-{scheme}-{width}"
            values = {"page": path.name, "width": width, "height": 1200, "contrast": CONTRAST, "open": 1}
            server.pages[name] = (PROBE % values).encode()
            seen = browser.run(
                scheme, "--dump-dom", "--virtual-time-budget=10000", f"--window-size={width + 200},1400", address + name
            )
            match = re.search(r'<pre id="result">(\{.*?\})</pre>', seen.stdout, re.S)
            if not match:
                faults.append(f"{scheme} {width}: no result: {seen.stderr[-300:]}")
                continue
            result = json.loads(html.unescape(match.group(1)))
            backs[scheme] = result["back"]
            faults += [f"{scheme} {width}: {fault}" for fault in result["found"]]
            print(f"  {scheme} {width}: {result['texts']} texts, least contrast {result['least']}")
            if screenshots:
                values |= {"height": 4000 if width > 640 else 7000, "open": 0}
                server.pages[name] = (PROBE % values).encode()
                shot = screenshots / f"{path.stem}-{scheme}-{width}.png"
                size = f"--window-size={max(width, 500)},{values['height']}"
                browser.run(scheme, f"--screenshot={shot}", size, address + name)
    if len(set(backs.values())) < len(SCHEMES):
        faults.append(f"light and dark are the same: {backs}")
    return faults


def main():
    parser = argparse.ArgumentParser(description="Looks at posture pages with a browser.")
    parser.add_argument("--screenshots", type=pathlib.Path, help="where to put pictures of the pages")
    parser.add_argument("pages", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    failed = False
    with tempfile.TemporaryDirectory() as profile:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.pages, server.asked = {}, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        for path in options.pages:
            print(path.name)
            faults = structure(path)
            if program:
                look_at = functools.partial(look, Browser(program, profile), server, address)
                faults += look_at(path, options.screenshots)
            for fault in faults:
                print(f"  FAILED {fault}")
            failed = failed or bool(faults)
        server.shutdown()
    if failed:
        return 1
    if not program:
        print("skipped: no chromium to look at the pages with")
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
