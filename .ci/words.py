"""The words of the glossary, explained where a page of the site first says them. The one source is the table of nbs/glossary.ipynb."""
import re
from html import escape, unescape

ROW = re.compile(r"<td[^>]*>(.*?)</td>\s*<td[^>]*>(.*?)</td>", re.S)
MATHS = {"σ_w²": r"\sigma_w^2", "σ_b²": r"\sigma_b^2", "ξ_c": r"\xi_c"} # words that are symbols, as formulas write them
SENTENCES = re.compile(r"(<p>|<li>)(.*?)(?=</p>|</li>|<ul>|<ol>)", re.S)
NO_TEXT = re.compile(r"(<(a|code|button|svg)\b.*?</\2>|<span class=\"math.*?</span>|<[^>]*>)", re.S)

def bare(html):
    "Text without its tags"
    return re.sub(r"<[^>]*>", "", html).strip()

def glossary(page):
    "Word → what it means"
    table = re.search(r"<table.*?</table>", page.read_text(encoding="utf-8"), re.S)[0]
    return {unescape(bare(word)): unescape(bare(meaning)) for word, meaning in ROW.findall(table)}

def anchor(word):
    "The id of a word on the glossary's page"
    return "word-" + re.sub(r"\W+", "-", word.replace("²", "2"))

def anchored(html, words):
    "The glossary's page, with a place for each of its words"
    for w in words: html = re.sub(rf"<td([^>]*)>{re.escape(w)}</td>", rf'<td\1 id="{anchor(w)}">{w}</td>', html, count=1)
    return html

class Explained:
    "Sentences of one page, each word explained once; `left` are the words that it has not said yet"
    def __init__(self, words, glossary): self.left, self.glossary = dict(words), glossary

    def link(self, shown, word, name=""):
        to, meaning = f"{self.glossary}#{anchor(word)}", escape(self.left.pop(word))
        return f'<a class="word" href="{to}"{name} data-meaning="{meaning}">{shown}</a>'

    def text(self, text):
        if not self.left: return text
        any_word = "|".join(map(re.escape, sorted(self.left, key=len, reverse=True)))
        def found(m):
            word = next((w for w in self.left if w.lower() == m[1].lower()), None) # it may stand twice in this text
            return m[0] if word is None else self.link(m[0], word)
        return re.sub(rf"(?<![\w-])({any_word})s?(?![\w-])", found, text, flags=re.I)

    def maths(self, span):
        formula = re.sub(r"^\\\(|\\\)$", "", unescape(bare(span))).strip()
        word = next((w for w in self.left if MATHS.get(w) == formula), None)
        return span if word is None else self.link(span, word, f' aria-label="{word}"') # a formula has no name of its own

    def sentence(self, m):
        parts = NO_TEXT.split(m[2]) # text, what is none, its tag, text, …
        rest = [self.maths(o) if o.startswith('<span class="math') else o for o in parts[1::3]]
        texts = [self.text(o) for o in parts[::3]]
        return m[1] + "".join(t + r for t, r in zip(texts, [*rest, ""]))

def with_meanings(html, words, glossary):
    "A page whose words lead to the glossary (its address), and show what they mean when mouse or keyboard rests on them"
    before, main, after = re.split(r"(<main\b.*</main>)", html, maxsplit=1, flags=re.S)
    return before + SENTENCES.sub(Explained(words, glossary).sentence, main) + after
