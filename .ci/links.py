"Every link and picture of the built site that points into it must lead somewhere. `links.py FOLDER`"
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

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

def broken(site):
    pages = {p: Refs(p.read_text(encoding="utf-8")) for p in site.rglob("*.html")}
    for page, refs in pages.items():
        for ref in refs.refs:
            u = urlsplit(ref)
            if u.scheme or u.netloc: continue
            to = (page.parent/unquote(u.path)).resolve() if u.path else page
            if to.is_dir(): to /= "index.html"
            if not to.exists(): yield page, ref, "no such file"
            elif to in pages and unquote(u.fragment) not in pages[to].ids: yield page, ref, "no such place on the page"

if __name__ == "__main__":
    site = Path(sys.argv[1]).resolve()
    found = sorted({(p.relative_to(site), r, why) for p, r, why in broken(site)})
    for o in found: print(*o)
    print(f"{len(list(site.rglob('*.html')))} pages, {len(found)} broken links")
    sys.exit(bool(found) or not any(site.rglob("*.html")))
