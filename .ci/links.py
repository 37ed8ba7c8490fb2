"""Every link and picture of the built site that points into it must lead somewhere, and none may stand there as text.
`links.py FOLDER`. A link to the site's own address (settings.ini's doc_host) points into it too."""
import re, sys
from configparser import ConfigParser
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

UNREAD = re.compile(r"\]\([^()\s]*\.ipynb[^()\s]*\)") # what is left of a link that Markdown could not read

def home():
    "The address at which the site will stand"
    cfg = ConfigParser()
    cfg.read(Path(__file__).parent.parent/"settings.ini", encoding="utf-8")
    return cfg["DEFAULT"]["doc_host"] + cfg["DEFAULT"]["doc_baseurl"].rstrip("/")

class Refs(HTMLParser):
    "Ids of a page, and what it refers to"
    def __init__(self, text):
        super().__init__()
        self.ids, self.refs = {""}, []
        self.feed(text)
    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.ids |= {a.get("id"), a.get("name")}
        self.refs += [v for k in ("href", "src") if (v := a.get(k))]

def target(site, page, ref, home):
    "The file and the place that `ref` on `page` points to; None where that is not in the site"
    if ref == home or ref.startswith(f"{home}/"): page, ref = site/"index.html", ref[len(home) + 1:] or "index.html"
    u = urlsplit(ref)
    if u.scheme or u.netloc: return None
    to = (page.parent/unquote(u.path)).resolve() if u.path else page
    return to/"index.html" if to.is_dir() else to, unquote(u.fragment)

def broken(site, home):
    texts = {p: p.read_text(encoding="utf-8") for p in site.rglob("*.html")}
    pages = {p: Refs(text) for p, text in texts.items()}
    for page, refs in pages.items():
        for left in UNREAD.findall(texts[page]): yield page, left, "is text, and should be a link"
        for ref in refs.refs:
            if (found := target(site, page, ref, home)) is None: continue
            to, place = found
            if not to.exists(): yield page, ref, "no such file"
            elif to in pages and place not in pages[to].ids: yield page, ref, "no such place on the page"

if __name__ == "__main__":
    site = Path(sys.argv[1]).resolve()
    found = sorted({(p.relative_to(site), r, why) for p, r, why in broken(site, home())})
    for o in found: print(*o)
    print(f"{len(list(site.rglob('*.html')))} pages, {len(found)} broken links")
    sys.exit(bool(found) or not any(site.rglob("*.html")))
