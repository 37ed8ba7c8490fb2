"""The built site, and the widgets under Voila and in JupyterLab, in headless Chromium, as a reader meets them.
`browser.py SITE [--shots FOLDER] [--only CHECK]`. Ends with "N passed, N failed"; exit code 1 if anything failed."""
import argparse, functools, http.server, json, multiprocessing, os, re, shutil, socket, subprocess, sys, tempfile, threading, time, traceback
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
import psutil
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import TimeoutError as PlaywrightTimeout, sync_playwright

FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split()
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
VOILA = ("https://cdn.jsdelivr.net/npm/@fortawesome/",) # what Voila's own page asks for; it does without
PATIENCE = 180_000 # milliseconds; only what hangs is ended
SHOTS = ("index", "tutorials/my_network_my_data", "tutorials/read_a_phase_diagram", "glossary", "cascade", "widgets", "explorer")

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass

@contextmanager
def served(folder):
    "The address of `folder` on this machine"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try: yield f"http://127.0.0.1:{server.server_port}/"
    finally: server.shutdown()

def launched(p): return p.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)

@contextmanager
def opened(browser, url, allowed=(), **options):
    "A page, which must ask nobody but its own site (or `allowed`) and print no error"
    page, odd = browser.new_page(**options), []
    page.set_default_timeout(PATIENCE)
    site = "/".join(url.split("/")[:3])
    for o in allowed: page.route(f"{o}**", lambda route: route.fulfill(body=""))
    page.on("request", lambda r: odd.append(f"request to {r.url[:200]}") if not r.url.startswith((site, site.replace("http", "ws", 1), "data:", "blob:", *allowed)) else None)
    page.on("console", lambda m: odd.append(f"console: {m.text[:200]}") if m.type == "error" else None)
    page.on("pageerror", lambda e: odd.append(f"error: {str(e)[:200]}"))
    page.goto(url, wait_until="load")
    try: yield page
    finally: page.close()
    assert not odd, '; '.join(sorted(set(odd)))

def shown(player):
    "Text of the one frame that a player shows"
    frames = player.locator("img:visible")
    assert frames.count() == 1, f"{frames.count()} frames are visible"
    assert frames.evaluate("i => i.decode().then(() => i.naturalWidth > 50)"), "the frame is no picture"
    return frames.get_attribute("alt")

def drag(page, slider, share):
    "Take the slider's handle where it is, to `share` of its length"
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    lo, hi, at = (float(slider.evaluate(f"s => s.{k}")) for k in ("min", "max", "value"))
    x = lambda s: box["x"] + 8 + (box["width"] - 16)*s
    y = box["y"] + box["height"]/2
    page.mouse.move(x((at - lo)/(hi - lo)), y); page.mouse.down()
    page.mouse.move(x(share), y, steps=5); page.mouse.up()

def player_moves(page, player):
    "Each slider of a player changes the picture by key, by drag and by its button"
    for row in player.locator(".slider").all():
        slider, button = row.locator("input"), row.locator("button")
        seen = [shown(player)]
        def moved(how):
            seen.append(shown(player))
            assert seen[-1] != seen[-2], f"{how} changed nothing: {seen[-1]}"
            # both in one look, for a player that plays is at its next frame a moment later
            said, caption = player.evaluate("p => [[...p.querySelectorAll('img')].find(i => i.checkVisibility()).alt, "
                                            "p.querySelector('figcaption').innerText]")
            assert caption == said, f"after {how} the picture is {said!r} and its caption {caption!r}"
        slider.focus()
        slider.press("ArrowLeft" if slider.input_value() == slider.get_attribute("max") else "ArrowRight"); moved("a key")
        far = float(slider.input_value()) < float(slider.get_attribute("max"))/2
        drag(page, slider, far); moved("a drag")
        button.click(); page.wait_for_timeout(1.5*float(player.get_attribute("data-interval"))); moved("play")
        button.click(); still = shown(player)
        page.wait_for_timeout(1.2*float(player.get_attribute("data-interval")))
        assert shown(player) == still, "it plays on after it was stopped"

def pictures(page):
    bare = page.locator("main img:not([alt]), main img[alt='']").count()
    assert not bare, f"{bare} pictures without a text"

def maths(page):
    assert not page.locator(".katex-error").count(), "maths that KaTeX cannot read"
    assert not page.locator(".math:not(:has(.katex))").count(), "maths that was not set"

LOOKS = """part => {
  const back = e => { const c = e ? getComputedStyle(e).backgroundColor : ''; return !e || !/^rgba.* 0\\)$/.test(c) ? c : back(e.parentElement) };
  const written = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && e.checkVisibility();
  const looks = new Map();
  for (const e of document.querySelectorAll(`${part} *`)) {
    delete e.dataset.look;
    if (!written(e) || e.closest('.katex')) continue;
    const s = getComputedStyle(e);
    looks.set([s.color, s.fontSize, s.fontWeight, s.opacity, back(e)].join(), e);
  }
  for (const e of looks.values()) e.dataset.look = '';
  return looks.size;
}"""
SETTLED = """() => Promise.all(document.getAnimations()
  .filter(a => a.effect.getComputedTiming().endTime < Infinity).map(a => a.finished.catch(() => null))).then(() => null)"""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "rules": {"color-contrast": {"enabled": False}}}

def axe(page, options, *parts):
    result = Axe().run(page, context={"include": [list(parts)], "exclude": [[".katex"]]}, options={"resultTypes": ["violations"], **options}).response
    found = [f"{v['id']} ({v['impact']}) at {v['nodes'][0]['target']}, {len(v['nodes'])} times" for v in result["violations"]]
    assert not found, "; ".join(found)

def contrast(page, part="body"):
    "axe-core can read every colour: one text of each look is enough, and takes a fifth of the time"
    page.evaluate(SETTLED) # a colour on its way from one theme to the other is none of the page's
    assert page.evaluate(LOOKS, part), f"nothing is written in {part}"
    axe(page, {"runOnly": ["color-contrast"]}, f"{part} [data-look]")

def accessible(page, part="body"):
    "axe-core finds nothing"
    axe(page, RULES, part)
    contrast(page, part)

def is_dark(page):
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", back)[:3])) < 80, f"the page is {back}"

def dark(page):
    "Who prefers a dark page gets one, and can read it: all that the theme changes is its colours"
    page.emulate_media(color_scheme="dark")
    page.locator("html.quarto-dark").wait_for()
    is_dark(page)
    contrast(page)

def narrow(page):
    "Nothing is wider than a phone"
    page.set_viewport_size(PHONE)
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size(DESKTOP)
    assert wide <= PHONE["width"], f"{wide} pixels wide on a phone of {PHONE['width']}"

def some_pages(site, base, pages):
    "What is wrong with some pages, in a browser of their own"
    failed = []
    with sync_playwright() as p:
        browser = launched(p)
        for name in pages:
            try:
                assert (n := Path(site, name).stat().st_size) < 3e6, f"{n} bytes"
                with opened(browser, base + name, viewport=DESKTOP, color_scheme="light") as page:
                    for check in (pictures, maths, accessible, narrow, dark): check(page)
            except AssertionError as e: failed.append(f"{name}: {e}")
        browser.close()
    return failed

def every_page(browser, base, pages):
    "Pages ask nobody else, print no error, set their maths, describe their pictures, fit a phone, and axe-core finds nothing, light and dark"
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as two: # this check alone took five minutes
        failed = [f for part in two.map(some_pages, [SITE]*2, [base]*2, [pages[::2], pages[1::2]]) for f in part]
    assert not failed, "\n".join(failed)
    print(len(pages), "pages")

def every_player(browser, base, pages):
    "Players move by key, by drag and by their buttons"
    n = 0
    for p in pages:
        if 'class="cascade-player"' not in Path(SITE, p).read_text(encoding="utf-8"): continue
        with opened(browser, base + p, viewport=DESKTOP) as page:
            for player in page.locator(".cascade-player").all(): player_moves(page, player); n += 1
    assert n >= 3, f"only {n} players on the site"
    print(n, "players")

def by_touch(browser, base, pages):
    "A finger on a phone moves a player too"
    with opened(browser, base + "widgets.html", viewport=PHONE, has_touch=True, is_mobile=True) as page:
        player = page.locator(".cascade-player").first
        slider, before = player.locator("input").first, shown(player)
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        page.touchscreen.tap(box["x"] + .8*box["width"], box["y"] + box["height"]/2)
        assert shown(player) != before, "a tap on the slider changed nothing"

def words(browser, base, pages):
    "A word of the glossary shows its meaning to the mouse and to the keyboard, and leads to it"
    said = set()
    for p in pages: said |= set(re.findall(r'glossary.html#(word-[^"]+)"', Path(SITE, p).read_text(encoding="utf-8")))
    wanted = set(re.findall(r'id="(word-[^"]+)"', Path(SITE, "glossary.html").read_text(encoding="utf-8")))
    assert len(wanted) >= 28, f"the glossary has lost words: {sorted(wanted)}"
    assert said == wanted, f"no page explains {wanted - said}, the glossary lacks {said - wanted}"
    with opened(browser, base + "tutorials/read_a_phase_diagram.html", viewport=DESKTOP) as page:
        word = page.locator("main a.word").first
        meaning = word.get_attribute("data-meaning")
        beside = lambda: word.evaluate("w => getComputedStyle(w, '::after').content")
        assert meaning not in beside()
        word.hover()
        assert meaning in beside(), beside()
        page.mouse.move(0, 0)
        page.keyboard.press("Tab")
        word.focus()
        assert meaning in beside(), "the keyboard does not reach it"
        page.keyboard.press("Enter")
        page.wait_for_url("**/glossary.html#word-*")

def search(browser, base, pages):
    "A name of the library is found and opened"
    with opened(browser, base + "index.html", viewport=DESKTOP) as page:
        page.get_by_role("searchbox", name="Search").fill("relative_entropy")
        first = page.locator(".search-result").first
        first.wait_for()
        assert "relative_entropy" in first.inner_text(), first.inner_text()
        first.click()
        page.wait_for_url("**/entropy.html*")
        assert page.get_by_text("relative_entropy").first.is_visible()

PLACE = """q => {
  const e = document.activeElement, s = getComputedStyle(e), r = e.getBoundingClientRect();
  const ring = s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none';
  const seen = e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) && r.width > 0 && r.bottom > 0 && r.top < innerHeight && r.right > 0 && r.left < innerWidth;
  return [e === document.body ? '' : e.outerHTML.slice(0, 120), ring, seen, q !== null && e.matches(q)];
}"""

def tab(page, to=None, most=400, key="Tab"):
    "Press Tab until `to` has the focus, or round the whole page; at each stop the place of the keyboard is to be seen"
    for i in range(most):
        page.keyboard.press(key)
        what, ring, seen, there = page.evaluate(PLACE, to)
        for _ in range(20): # what fades in, or is scrolled to over a long table, is given its time
            if not what or ring and seen: break
            page.wait_for_timeout(150)
            what, ring, seen, there = page.evaluate(PLACE, to)
        if what: assert ring and seen, f"the place of the keyboard is not to be seen at {what}"
        if there or to is None and i and not what: return
    raise AssertionError(f"{key} does not reach {to or 'the end of the page'}")

def press(page, to, key="Enter"):
    "Go there by Tab, and press a key"
    tab(page, to)
    page.keyboard.press(key)

def site_by_keys(browser, base, pages):
    "With the keyboard alone: past the sidebar, through it, search, theme and players; each stop is to be seen, on a phone's width too"
    with opened(browser, base + "index.html", viewport=DESKTOP, color_scheme="light") as page:
        press(page, "a.skip")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null"), "the first link does not lead past the sidebar"
        page.reload()
        press(page, ".quarto-color-scheme-toggle")
        page.locator("html.quarto-dark").wait_for()
        is_dark(page)
        tab(page, "input[type=search]")
        page.keyboard.type("relative_entropy")
        page.locator(".search-result").first.wait_for()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        page.wait_for_url("**/entropy.html*")
    with opened(browser, base + "index.html", viewport=DESKTOP) as page:
        section = page.locator(".sidebar-section").first
        tab(page, "a.sidebar-link[role=button]")
        for state in ("hidden", "visible"):
            page.keyboard.press("Enter")
            section.wait_for(state=state)
            page.wait_for_function("s => !s.classList.contains('collapsing')", arg=section.element_handle())
        press(page, "a.sidebar-link[href*=read_a_phase_diagram]")
        page.wait_for_url("**/read_a_phase_diagram.html")
        tab(page)
    with opened(browser, base + "index.html", viewport=PHONE) as page:
        press(page, ".quarto-btn-toggle")
        press(page, "a.sidebar-link[href*=glossary]")
        page.wait_for_url("**/glossary.html")
        tab(page)
    with opened(browser, base + "widgets.html", viewport=DESKTOP) as page:
        player = page.locator(".cascade-player").first
        seen = [shown(player)]
        def moved(how):
            seen.append(shown(player))
            assert seen[-1] != seen[-2], f"{how} changed nothing: {seen[-1]}"
        press(page, ".cascade-player button", "Space")
        page.wait_for_timeout(1.5*float(player.get_attribute("data-interval"))); moved("play")
        page.keyboard.press("Space"); still = shown(player)
        page.wait_for_timeout(1.2*float(player.get_attribute("data-interval")))
        assert shown(player) == still, "it plays on after it was stopped"
        press(page, ".cascade-player input", "ArrowRight"); moved("an arrow")
        tab(page)

@contextmanager
def running(*command, **env):
    "A server's port, which its `command` is told, until the end of the block"
    with socket.socket() as s: s.bind(("127.0.0.1", 0)); port = s.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", *command, "--no-browser", f"--port={port}"], stderr=subprocess.DEVNULL, env={**os.environ, **env})
    try:
        for _ in range(1800): # a busy machine takes its time
            time.sleep(.1)
            with socket.socket() as s:
                if not s.connect_ex(("127.0.0.1", port)): break
        yield port
    finally: server.terminate(); server.wait(20)

def below(pid=None):
    "Processes that a process (this one) started, and those that they did, without what has ended"
    alive = lambda p: p.is_running() and p.status() != psutil.STATUS_ZOMBIE
    return {p for p in psutil.Process(pid).children(recursive=True) if alive(p)}

def spent():
    "Processor seconds of everything that was started here, the browser too"
    return sum(sum(p.cpu_times()[:2]) for p in below())

@contextmanager
def voila():
    "The address of the Explorer, served by Voila as README.md says until the end of the block; its server's process, and when it was started"
    command, clocks = re.search(r"voila (nbs/explorer.*)", Path("README.md").read_text()).group(1), (time.time(), spent())
    with running("voila", *command.split()) as port:
        server = next(p for p in below() if f"--port={port}" in p.cmdline())
        yield f"http://127.0.0.1:{port}/", server.pid, clocks

def moves(page):
    "A slider takes the cursor and the pictures along; a click on the diagram takes the sliders along"
    cursor, strip = page.locator(".plane b"), page.locator(".strip")
    where = lambda: (cursor.evaluate("b => b.style.left"), strip.inner_html())
    before, slider = where(), page.get_by_label("σ_w²", exact=True)
    slider.focus()
    for _ in range(12): slider.press("PageDown")
    page.wait_for_function("at => document.querySelector('.plane b').style.left < at[0] && document.querySelector('.strip').innerHTML != at[1]", arg=before)
    box = page.locator(".plane").bounding_box()
    page.mouse.click(box["x"] + .75*box["width"], box["y"] + .5*box["height"])
    page.wait_for_function("document.querySelector('[name=var_w]').value > 3")
    number = lambda name: int(page.locator(f"input[type=number][name={name}]").input_value())
    assert 29 <= number("layer") <= 32
    assert number("depth") == 60, "a look at another layer changed the network's depth"

def stays_on_the_diagram(page):
    "Both red lines are to be seen wherever the fields go, and what lies outside is said; an emptied field leaves its slider"
    slider = page.locator("input[type=range][name=var_w]")
    for name, label, v in (("var_w", "σ_w²", 8), ("var_w", "σ_w²", .05), ("layer", "layer", 200), ("layer", "layer", 30)):
        page.get_by_label(f"{label}, as a number").fill(str(v))
        if v != 30: page.locator(".beyond").filter(has_text=re.compile(f"{label} = {v} lies outside", re.I)).wait_for()
        inside = page.locator(".plane").evaluate("""p => [...p.children].every(line => {
            const [a, b] = [p.getBoundingClientRect(), line.getBoundingClientRect()];
            return b.left >= a.left - 1 && b.right <= a.right + 1 && b.top >= a.top - 1 && b.bottom <= a.bottom + 1;
        })""")
        assert inside, f"a red line is not on the diagram at {label} = {v}"
    set_numbers(page, **{"σ_w²": 1.3})
    page.wait_for_function("document.querySelector('[type=range][name=var_w]').value == 1.3")
    page.get_by_label("σ_w², as a number").fill("")
    page.get_by_role("alert").filter(has_text="σ_w² is empty").wait_for()
    assert slider.input_value() == "1.3", f"an emptied field moved its slider to {slider.input_value()}"
    page.get_by_label("σ_w², as a number").fill("1.3")
    page.wait_for_function("!document.querySelector('[role=alert]').textContent")

OVERLAPS = """() => {
  const boxes = [...document.querySelectorAll('.profile svg text')].map(t => [t.textContent, t.getBoundingClientRect()]);
  return boxes.flatMap(([s, a], i) => boxes.slice(i + 1).filter(([_, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1).map(([t]) => `${s} and ${t}`));
}"""

def labels_apart(page):
    "No two labels of the profile print over each other, and none is cut off, on a phone neither"
    for view in (DESKTOP, PHONE):
        page.set_viewport_size(view)
        for w, layer in ((1, 1), (1, 4), (1, 6), (1, 24), (1.4, 40), (1.3, 60)):
            set_numbers(page, **{"σ_w²": w, "layer": layer})
            page.locator(".profile .mark, .profile text").filter(has_text=f"layer {layer}").first.wait_for()
            over = page.evaluate(OVERLAPS)
            assert not over, f"labels print over each other at σ_w² = {w}, layer {layer}: {over}"
            box = page.evaluate("() => { const [r, e] = ['.profile svg', '.cascade-explorer'].map(q => document.querySelector(q).getBoundingClientRect()); return [r.left - e.left, e.right - r.right] }")
            assert min(box) >= 0, f"the profile is cut off by {-min(box):.0f} pixels at {view['width']}"
    page.set_viewport_size(DESKTOP)

STATIC = """from cascade_nb.widgets import Explorer, load_snapshots
bundle = Explorer(load_snapshots("nbs/explorer.nc.gz"))._repr_mimebundle_()
print((bundle[0] if isinstance(bundle, tuple) else bundle)["text/html"])"""

def without_kernel(browser, base, pages):
    "Where no kernel runs, the digits stand in one row below the diagram, on a phone too"
    html = subprocess.run([sys.executable, "-c", STATIC], check=True, capture_output=True, text=True).stdout
    for view in (DESKTOP, PHONE):
        with opened(browser, base + "index.html", viewport=view) as page:
            page.locator("main").evaluate("(main, html) => { main.innerHTML = html }", html)
            boxes = page.locator("main img").evaluate_all("is => is.map(i => { const r = i.getBoundingClientRect(); return [r.top, r.bottom, r.right] })")
            (_, below, _), *digits = boxes
            assert len({round(top) for top, _, _ in digits}) == 1, f"the digits wrap at {view['width']} pixels"
            assert all(top >= below - 1 for top, _, _ in digits), "digits stand beside the diagram"
            assert max(right for *_, right in boxes) <= view["width"], f"wider than {view['width']} pixels"

def no_error(page):
    "No cell of the notebook ended in an error, in whatever words Voila or Lab says so"
    red = page.locator("[data-mime-type*=stderr], [data-mime-type*=error], .jupyter-widgets-error-widget")
    assert not red.count(), f"an error output: {red.first.inner_text()[:300]}"
    said = re.search(r"(Traceback|There was an error|[A-Z]\w+Error:).*", page.locator("body").inner_text())
    assert not said, f"the page says: {said[0][:300]}"

def says_what_is_wrong(page):
    "A bad value gives a sentence"
    page.get_by_label("σ_w², as a number").fill("-1")
    page.get_by_role("alert").filter(has_text="σ_w² is -1: give a number").wait_for()
    page.get_by_label("σ_w², as a number").fill("1.3")
    page.wait_for_function("!document.querySelector('[role=alert]').textContent")

def set_numbers(page, **values):
    for name, v in values.items(): page.get_by_label(f"{name}, as a number").fill(str(v))

def left_alone(browser, url, server, clocks):
    "A page is loaded anew and one is closed in the middle of a computation; the processes that then are nobody's"
    page = browser.new_page(viewport=DESKTOP)
    page.set_default_timeout(PATIENCE)
    for leave in (page.reload, page.close):
        if leave == page.reload: page.goto(url)
        page.locator(".cascade-explorer .strip img").first.wait_for()
        if leave == page.reload:
            print(f"first picture {time.time() - clocks[0]:.1f} s after the command, {spent() - clocks[1]:.1f} processor seconds with the browser's")
        before = below(server)
        set_numbers(page, width=1000, depth=200)
        page.get_by_role("button", name="Compute here").click()
        page.get_by_role("status").filter(has_text="Computing").wait_for()
        page.wait_for_function("document.querySelector('.cascade-explorer progress').value > 0")
        assert below(server) - before, "nothing is computed outside of the kernel"
        leave()
    return below(server)

def culled(processes):
    "Within some minutes nothing is left of them"
    for _ in range(480):
        left = [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
        if not left: return
        time.sleep(.5)
    raise AssertionError(f"{len(left)} processes of closed pages go on: {[' '.join(p.cmdline())[-80:] for p in left]}")

def computes(page):
    "A point off the grid is computed; a long one says what it will take and is stopped while the page stays alive; one too large is refused"
    set_numbers(page, width=90, depth=12)
    page.get_by_role("status").filter(has_text="Nothing is finished").wait_for()
    page.get_by_role("button", name="Compute here").click()
    page.get_by_role("status").filter(has_text="of 12.").wait_for()
    set_numbers(page, width=1000, depth=200)
    page.locator(".cost").filter(has_text=re.compile(r"about \d+ s and 2\.6 GB")).wait_for()
    page.get_by_role("button", name="Compute here").click()
    page.get_by_role("status").filter(has_text="Computing").wait_for()
    page.wait_for_function("document.querySelector('.cascade-explorer progress').value > 0")
    set_numbers(page, width=300)
    page.locator(".profile svg").wait_for()
    assert page.get_by_role("status").inner_text().startswith("Computing")
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("status").filter(has_text="Stopped").wait_for()
    assert page.get_by_role("button", name="Compute here").is_enabled()
    set_numbers(page, width=2000)
    page.get_by_role("button", name="Compute here").click()
    page.get_by_role("alert").filter(has_text="This takes 7.5 GB, and 4 GB are allowed").wait_for()
    set_numbers(page, width=300, depth=60)

def takes_pictures(page):
    "A picture of the reader's own joins the list, and comes back once the point is computed; what is none gets a sentence"
    own = page.get_by_label("own picture")
    own.set_input_files({"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.get_by_role("alert").filter(has_text="notes.png is no picture that can be read").wait_for()
    picture = page.locator(".strip img").first.screenshot() # a digit, as a reader would have it on disk
    set_numbers(page, width=80, depth=6, layer=6)
    own.set_input_files({"name": "a <b>digit</b>.png", "mimeType": "image/png", "buffer": picture})
    page.wait_for_function("document.querySelector('[name=image]').selectedOptions[0]?.textContent === 'a <b>digit</b>.png'")
    assert page.locator(".strip img").count() == 1
    page.get_by_role("button", name="Compute here").click()
    page.locator(".strip img").nth(5).wait_for()
    assert page.locator(".strip img").count() == 7, "not every layer gives the picture back"
    page.get_by_label("image", exact=True).select_option("0")
    set_numbers(page, width=300, depth=60, layer=60)
    page.get_by_role("status").filter(has_text="of 60.").wait_for()

def gives_files(page):
    "The picture is a PNG with the red lines, the table a CSV file with a row for each layer"
    with page.expect_download() as picture: page.get_by_role("button", name="Save picture").click()
    with page.expect_download() as table: page.get_by_role("button", name="Save table").click()
    assert (picture.value.suggested_filename, table.value.suggested_filename) == ("cascade.png", "cascade.csv")
    assert Path(picture.value.path()).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    head, *rows = Path(table.value.path()).read_text(encoding="utf-8").splitlines()
    assert head == "var_w,var_b,act,width,data,layer,explained_variance", head
    assert len(rows) == 60 and rows[0].split(",")[1:6] == ["0.05", "Tanh", "300", "mnist_sample", "1"], rows[:2]

def by_keys(page):
    "With the keyboard alone: fields are reached and set, a score chosen, a computation begun and stopped, both files saved; each stop is to be seen"
    page.locator("body").evaluate("b => { document.activeElement.blur(); b.tabIndex = -1; b.focus(); b.removeAttribute('tabindex') }") # as the page is when it opens
    at = lambda: page.locator(".plane b").evaluate("b => b.style.left")
    before = at()
    press(page, "[type=range][name=var_w]", "PageDown")
    page.wait_for_function("was => document.querySelector('.plane b').style.left !== was", arg=before)
    def typed(name, value):
        press(page, f"[type=number][name={name}]", "Control+a")
        page.keyboard.type(str(value))
    typed("var_w", 1.3)
    page.wait_for_function("document.querySelector('[type=range][name=var_w]').value === '1.3'")
    typed("depth", 200)
    typed("width", 1000)
    press(page, "[name=compute]")
    page.get_by_role("status").filter(has_text="Computing").wait_for()
    assert page.evaluate("document.activeElement.name") == "compute", "the button that was pressed has lost the focus"
    page.keyboard.press("Enter") # once too often, which does nothing
    press(page, "[name=stop]")
    page.get_by_role("status").filter(has_text="Stopped").wait_for()
    for button, name in (("picture", "cascade.png"), ("table", "cascade.csv")):
        tab(page, f"[name={button}]")
        with page.expect_download() as file: page.keyboard.press("Enter")
        assert file.value.suggested_filename == name
    tab(page) # to the page's end, and from its beginning
    typed("width", 300)
    press(page, "select[name=score]", "Home")
    page.locator(".profile p", has_text="relative entropy (nats)").wait_for()
    assert "relative entropy" in page.locator(".diagram img").get_attribute("alt")
    tab(page, "[name=image]")

def links_answer(page):
    "Each link of the app leads somewhere"
    for a in page.locator("a[href]").all():
        to = a.evaluate("a => a.href")
        assert to.split("#")[0] == page.url.split("#")[0] or page.request.get(to).ok, f"the link {a.inner_text()!r} to {to} does not answer"

def keeps_its_address(browser, page):
    "The address holds the settings: it opens the same point in another window, and what it may not hold is passed over"
    set_numbers(page, **{"σ_w²": 2.4, "layer": 17})
    page.wait_for_url("**layer=17**")
    address = page.url
    assert "score=relative_entropy" in address, address
    for there, w in ((address, "2.4"), (address.replace("var_w=2.4", "var_w=much&act=None") + "&theme=dark", "1.76")):
        with opened(browser, there, VOILA, viewport=PHONE) as other:
            other.locator(".cascade-explorer .strip img").first.wait_for()
            other.wait_for_function("w => document.querySelector('[type=number][name=var_w]').value === w && document.querySelector('[type=number][name=layer]').value === '17'", arg=w)
            other.locator(".profile p", has_text="relative entropy (nats)").wait_for()
            no_error(other)
            narrow(other)
            accessible(other)
            legible(other, FIELDS)
            if "theme" in there: is_dark(other)
            other.set_viewport_size(PHONE)
            if ARGS.shots: other.screenshot(path=f"{ARGS.shots}/voila-phone{'-dark'*('theme' in there)}.png", full_page=True)
    set_numbers(page, **{"σ_w²": 1.3, "layer": 60})
    page.get_by_label("score", exact=True).select_option("explained_variance")

FIELDS = ".cascade-explorer :is(input[type=number], select, button, label)"

def explorer(browser, base, pages):
    "The Explorer comes up under Voila, moves, computes, stops, takes pictures, gives files, is moved by keys, keeps its address, and leaves nothing running"
    with voila() as (url, *server):
        nobodys = left_alone(browser, url, *server)
        with opened(browser, url, VOILA, viewport=DESKTOP) as page:
            page.locator(".cascade-explorer .strip img").first.wait_for()
            for check in (no_error, moves, stays_on_the_diagram, labels_apart, says_what_is_wrong, takes_pictures, gives_files, computes, by_keys, no_error, links_answer, narrow): check(page)
            keeps_its_address(browser, page)
            accessible(page)
            if ARGS.shots: page.screenshot(path=f"{ARGS.shots}/voila.png", full_page=True)
            culled(nobodys)
            no_error(page) # whose own kernel goes on

PLAYER = """import matplotlib.pyplot as plt
from cascade_nb.widgets import Player
def frame(i):
    fig, ax = plt.subplots(figsize=(4, 3))
    ax.plot([0, i])
    return fig, f"a line to {i}"
Player(map(frame, range(5)), {"height": range(5)}, start={"height": 2})"""

def saved_player():
    "An output that holds a player, as a notebook of ours was committed with it"
    cells = json.loads(Path("nbs/16_widgets.ipynb").read_text(encoding="utf-8"))["cells"]
    return next(o for c in cells for o in c.get("outputs", []) if "cascade-player" in "".join(o.get("data", {}).get("text/html", "")))

def some_notebooks(folder):
    "The Explorer's, and a player's, which was opened and not run"
    for f in ("explorer.ipynb", "explorer.nc.gz", "glossary.ipynb"): shutil.copy(f"nbs/{f}", folder)
    nb = json.loads(Path("nbs/explorer.ipynb").read_text(encoding="utf-8"))
    code = dict(cell_type="code", id="a", metadata={}, execution_count=None, outputs=[saved_player()], source=PLAYER)
    text = dict(cell_type="markdown", id="b", metadata={}, source="# Below\n\nThe player stands above.")
    Path(folder, "player.ipynb").write_text(json.dumps({**nb, "cells": [code, text]}), encoding="utf-8")

@contextmanager
def lab(disabled=(), options=()):
    "The address of notebooks in JupyterLab, a function that sets its theme, and the notebooks' folder; all its settings are gone with the block"
    with tempfile.TemporaryDirectory() as tmp:
        settings, config, root = Path(tmp, "settings/@jupyterlab/apputils-extension"), Path(tmp, "config/labconfig"), Path(tmp, "root")
        for folder in (settings, config, root): folder.mkdir(parents=True)
        (settings/"notification.jupyterlab-settings").write_text('{"fetchNews": "false", "checkForUpdates": false}')
        (config/"page_config.json").write_text(json.dumps({"disabledExtensions": dict.fromkeys(disabled, True)}))
        some_notebooks(root)
        def theme(name): (settings/"themes.jupyterlab-settings").write_text(json.dumps({"theme": f"JupyterLab {name}"}))
        options = ("--allow-root", "--IdentityProvider.token=", f"--ServerApp.root_dir={root}", *options)
        places = dict(JUPYTERLAB_SETTINGS_DIR=f"{tmp}/settings", JUPYTERLAB_WORKSPACES_DIR=f"{tmp}/workspaces", JUPYTER_CONFIG_DIR=f"{tmp}/config")
        with running("jupyterlab", *options, **places) as port: yield f"http://127.0.0.1:{port}/lab/tree/", theme, root

@contextmanager
def notebook(browser, url):
    "A notebook open in JupyterLab, whose kernel waits"
    page = browser.new_page(viewport=DESKTOP)
    page.set_default_timeout(PATIENCE)
    page.goto(f"{url}?reset")
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.get_by_text(re.compile(r"Python 3.*\| Idle")).wait_for()
    page.wait_for_timeout(500)
    try: yield page
    finally: page.close()

def run_all(page, until):
    "Run All Cells, by the menu"
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.locator(until).first.wait_for()
    page.get_by_text(re.compile(r"Python 3.*\| Idle")).wait_for()

def run_by_keys(page, cells, first, last):
    "With the keyboard alone: run so many cells from the top; from the last of them Tab leads into its widget, and through it"
    for _ in range(cells): page.keyboard.press("Shift+Enter")
    page.locator(first).first.wait_for()
    page.get_by_text(re.compile(r"Python 3.*\| Idle")).wait_for()
    page.keyboard.press("k") # back from the cell below
    tab(page, first, 3)
    tab(page, last, 40)

def keeps_its_keys(page, fields):
    "No key pressed on a field of a widget reaches the notebook, which would fold, make raw or delete the cell; arrows move the sliders"
    cells = lambda: page.locator(".jp-Notebook .jp-Cell").evaluate_all("cs => cs.map(c => /jp-(Code|Markdown|Raw)Cell/.exec(c.className)[0])")
    before = cells()
    for field in page.locator(fields).all():
        if field.is_disabled(): continue
        name = field.evaluate("f => f.outerHTML")[:90]
        field.focus()
        for key in ("r", "d", "d", "x", "ArrowLeft", "ArrowUp", "j"): page.keyboard.press(key)
        assert cells() == before, f"a key on {name} changed the notebook: {before} became {cells()}"
        assert field.evaluate("f => f === document.activeElement"), f"a key took the focus from {name}"
    for slider in page.locator(f"{fields}[type=range]").all():
        slider.focus()
        page.keyboard.press("Home"); page.keyboard.press("ArrowRight"); page.keyboard.press("ArrowRight"); page.keyboard.press("ArrowLeft")
        at, step, least = (float(slider.evaluate(f"s => s.{k}")) for k in ("value", "step || 1", "min"))
        assert abs(at - least - step) < 1e-6, f"arrows took {slider.get_attribute('name')} to {at}"

CONTRAST = """fields => {
  const numbers = colour => { const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number); return [r, g, b, a] };
  const light = ([r, g, b]) => [r, g, b].map(v => v/255).map(v => v <= .04045 ? v/12.92 : ((v + .055)/1.055)**2.4).reduce((s, v, i) => s + v*[.2126, .7152, .0722][i], 0);
  const over = (top, under) => [0, 1, 2].map(i => top[i]*top[3] + under[i]*(1 - top[3])).concat(1);
  const behind = e => { const c = e ? numbers(getComputedStyle(e).backgroundColor) : [255, 255, 255, 1]; return c[3] === 1 ? c : over(c, behind(e.parentElement)) };
  return fields.filter(f => !f.disabled).map(f => {
    const back = behind(f), [a, b] = [light(over(numbers(getComputedStyle(f).color), back)), light(back)].sort((x, y) => y - x);
    return [(a + .05)/(b + .05), f.outerHTML.slice(0, 70)];
  });
}"""

def legible(page, fields):
    "What is written in a field stands out from it by 4.5 to 1 (axe-core passes over the fields of a form)"
    faint = [f"{ratio:.1f} to 1 in {what}" for ratio, what in page.locator(fields).evaluate_all(CONTRAST) if ratio < 4.5]
    assert not faint, "; ".join(faint)

def one_picture(page):
    "Of a player in a notebook that was opened and not run, one picture is to be seen"
    page.locator(".jp-OutputArea-output img").first.wait_for()
    n = page.locator(".jp-OutputArea-output img:visible").count()
    assert n == 1, f"{n} pictures, one under the other"

def in_lab(browser, base, pages):
    "In JupyterLab, light and dark: Run All ends well, by mouse or by keys, widgets keep their keys, are reached by Tab, and can be read"
    with lab() as (url, theme, _):
        for colours in ("Light", "Dark"):
            theme(colours)
            with notebook(browser, f"{url}player.ipynb") as page:
                one_picture(page)
                if colours == "Light": run_by_keys(page, 1, ".cascade-player button", ".cascade-player input")
                else: run_all(page, ".cascade-player .slider")
                no_error(page)
                keeps_its_keys(page, ".cascade-player input")
                assert shown(page.locator(".cascade-player")) == "a line to 1"
                accessible(page, ".cascade-player")
                legible(page, ".cascade-player :is(button, output)")
                if ARGS.shots: page.screenshot(path=f"{ARGS.shots}/lab-player-{colours}.png")
            with notebook(browser, f"{url}explorer.ipynb") as page:
                if colours == "Light": run_by_keys(page, 4, ".cascade-explorer [type=range][name=var_w]", ".cascade-explorer [name=table]")
                else: run_all(page, ".cascade-explorer .strip img")
                no_error(page)
                accessible(page, ".cascade-explorer")
                legible(page, FIELDS)
                assert not page.locator(".cascade-needs").is_visible(), "what is to be installed is asked for where it is there"
                if ARGS.shots: page.screenshot(path=f"{ARGS.shots}/lab-explorer-{colours}.png")
                if colours == "Dark": keeps_its_keys(page, ".cascade-explorer :is(input, select, button)")

REPORTS = """
import sys
from pathlib import Path
import xarray as xr
from cascade_nb import diagnose, load_dataset, mlp
from cascade_nb.training import PAPER
from cascade_nb.verdict import Recommendation
d, folder = load_dataset("mnist_sample", n_test=500), Path(sys.argv[1])
shown = {"start": Recommendation(xr.Dataset({"odds": (("var_w", "var_b", "seed"), [[[-3.]], [[.5]]])}, {"var_w": [.5, 1.5], "var_b": [.05], "seed": [0]}))}
for name, how in (("good", dict(net=mlp(6, 40))), ("bad", dict(net=mlp(40, 60, var_w=.4))), ("unknown", dict(net=mlp(3, 20), recipe=PAPER))):
    shown[name] = diagnose(data=d, quick=True, **how)
    shown[name].save(folder/f"{name}.html", pictures=d.x_test[:4])
for name, o in shown.items():
    for theme, colours in (("light", "#fff;color:#111"), ("dark", "#111;color:#eee")):
        (folder/f"{name}-{theme}.html").write_text(f"<!DOCTYPE html><html lang=en><head><meta charset=utf-8><meta name=viewport content='width=device-width'><title>x</title></head><body style='background:{colours}'><main>{o._repr_html_()}</main></body></html>", encoding="utf-8")
"""

def reports(browser, base, pages):
    "A saved report, and verdicts and recommendations as a notebook shows them, light and dark: axe-core finds nothing, and a phone shows them"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", REPORTS, folder], check=True)
        files = sorted(Path(folder).glob("*.html"))
        assert len(files) == 11, f"{len(files)} pages"
        for file in files:
            with opened(browser, file.as_uri(), viewport=DESKTOP) as page:
                for check in (pictures, accessible, narrow): check(page)
                page.set_viewport_size(PHONE)
                accessible(page)
                if ARGS.shots: page.screenshot(path=f"{ARGS.shots}/report-{file.stem}.png", full_page=True)

def unchanged(browser, base, pages):
    "JupyterLab writes a kernel's name and version into every notebook it opens; saved under the project's hook, the file is what it was"
    hook = "--ContentsManager.pre_save_hook=nbdev.clean.clean_jupyter"
    with lab(options=[hook]) as (url, _, root):
        for name in ("explorer.ipynb", "glossary.ipynb"):
            file = root/name
            before = file.read_text(encoding="utf-8")
            with notebook(browser, f"{url}{name}") as page:
                page.locator(".jp-Notebook .jp-Cell").first.click()
                page.keyboard.press("Control+s")
                page.locator(".jp-mod-dirty").wait_for(state="detached")
            assert json.loads(file.read_text(encoding="utf-8")) == json.loads(before), f"opening and saving {name} changed it"

def without_anywidget(browser, base, pages):
    "Where JupyterLab lacks anywidget, the output says what to install and where"
    with lab(disabled=["anywidget"]) as (url, *_), notebook(browser, f"{url}explorer.ipynb") as page:
        run_all(page, ".jp-InputPrompt:text-is('[2]:')")
        page.locator(".cascade-needs", has_text="pip install anywidget").wait_for()
        if ARGS.shots: page.screenshot(path=f"{ARGS.shots}/lab-needs.png")

def shots(browser, base, folder):
    for name in SHOTS:
        if not Path(SITE, f"{name}.html").exists(): continue
        for kind, view, scheme in (("desktop", DESKTOP, "light"), ("phone", PHONE, "light"), ("dark", DESKTOP, "dark")):
            page = browser.new_page(viewport=view, color_scheme=scheme)
            page.goto(f"{base}{name}.html"); page.wait_for_timeout(300)
            to = f"{folder}/{Path(name).stem}-{kind}"
            page.screenshot(path=f"{to}.png"); page.screenshot(path=f"{to}-full.png", full_page=True)
            page.close()

def main():
    pages, failed = sorted(str(p.relative_to(SITE)) for p in Path(SITE).rglob("*.html")), 0
    checks = [every_page, every_player, by_touch, words, search, site_by_keys, without_kernel, reports, explorer, in_lab, unchanged, without_anywidget]
    if ARGS.only: checks = [c for c in checks if c.__name__ == ARGS.only]
    with served(SITE) as base, sync_playwright() as p:
        browser = launched(p)
        for check in checks:
            start = time.time()
            try:
                try: check(browser, base, pages)
                except PlaywrightTimeout: check(browser, base, pages) # once more if the machine was too busy
            except Exception as e: failed += 1; print(f"FAILED: {check.__doc__}\n{e if isinstance(e, AssertionError) else traceback.format_exc()}")
            else: print(f"ok: {check.__doc__} ({time.time() - start:.0f} s)")
        if ARGS.shots: Path(ARGS.shots).mkdir(exist_ok=True); shots(browser, base, ARGS.shots)
        browser.close()
    print(f"{len(checks) - failed} passed, {failed} failed")
    return failed

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("site"); parser.add_argument("--shots"); parser.add_argument("--only")
    ARGS = parser.parse_args(); SITE = ARGS.site
    sys.exit(1 if main() else 0)
