"""How the notebooks read: what issue after issue must not lose. `reading.py [--report]`
Figures early, demonstrations between exported cells, one statement a line, no line over 120 columns, every public argument
annotated, none of the private words of 0.1.0. Prints a line for each finding and "N findings"; exit code 1 where a kind has more than `LEFT` says."""
import ast, json, re, sys, tokenize
from io import StringIO
from pathlib import Path

WIDE, EARLY, IN_A_ROW = 120, 12, 6
# notebooks whose own result must stand, labelled, by cell 12
METHOD = "guard data nets meanfield graph layers decoders entropy cascade patches store sweep training verdict plot explain widgets cli checks report attention".split()
# names that 0.1.0 used for what the field calls otherwise, and the terms in prose with that meaning
NAMES = """lanes blur BLUR halves InBytes Moments_blur thin ThinDecoder trimmed carriers _wide _look _gathered _linked _longer _moved
    _Dying Here Flat_map ungrid forth _Offer leaf soft _runs _ends sealed keep_point reserve evidence off SOUND telling_gradients SANE
    hopeless atlas Place""".split()
NAMES = [n for n in NAMES if n not in ("Moments_blur", "Flat_map", "keep_point")]
TERMS = ("lane", "lanes", "column of bytes", "noise floor hides", "witness", "thin chain")
ALLOWED = {"ThinDecoder", "SANE"}                      # names that old files and old code may still say, forwarded

def source(cell): return "".join(cell["source"])
def exported(text): return bool(re.search(r"^#\|\s*exports?\b", text, re.M))
def shows(cell):
    "Whether a code cell that a reader sees ends in something to look at: a picture, a table, a value, printed text"
    if re.search(r"^#\|\s*hide\b", source(cell), re.M): return False
    kinds = {k for o in cell.get("outputs", []) for k in o.get("data", {})}
    printed = any(o.get("name") == "stdout" for o in cell.get("outputs", []))
    return printed or bool(kinds & {"image/png", "image/svg+xml", "text/html", "text/markdown", "text/plain"})
def pictured(cell):
    data = [o.get("data", {}) for o in cell.get("outputs", [])]
    return any("image/png" in d or "text/html" in d for d in data) or any(len("".join(o.get("text", ""))) > 80 for o in cell.get("outputs", []))

def early_figure(path, cells):
    name = re.sub(r"^\d+_", "", path.stem)
    if name in METHOD and path.parent.name == "nbs" and not any(pictured(c) for c in cells[:EARLY] if c["cell_type"] == "code"):
        yield f"{path}: no figure or table by cell {EARLY}"

def demonstrated(path, cells):
    "Exported cells in a row; only a cell that shows something ends a row, a test that prints nothing does not"
    row = 0
    for i, c in enumerate(cells):
        if c["cell_type"] != "code": continue
        if shows(c): row = 0
        elif exported(source(c)): row += 1
        else: continue
        if row > IN_A_ROW: yield f"{path} cell {i}: {row} exported cells in a row without a demonstration"

def lines(path, cells):
    for i, c in enumerate(cells):
        if c["cell_type"] != "code": continue
        for line in source(c).splitlines():
            if len(line) > WIDE: yield f"{path} cell {i}: a line of {len(line)} columns: {line.strip()[:50]}…"
        yield from (f"{path} cell {i}: {found}" for found in joined(source(c)))

def joined(text):
    "Statements joined by a semicolon; one that ends a line only mutes its output"
    text = re.sub(r"^\s*[%!].*$", "", text, flags=re.M)
    try: tokens = list(tokenize.generate_tokens(StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError, IndentationError): return
    for t, following in zip(tokens, tokens[1:]):
        if t.type == tokenize.OP and t.string == ";" and following.type not in (tokenize.NEWLINE, tokenize.COMMENT, tokenize.NL, tokenize.ENDMARKER):
            yield f"statements joined by a semicolon: {t.line.strip()[:60]}"

def annotated(path):
    "Arguments of public functions and methods of a module"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_") and node.name != "__init__": continue
        a = node.args
        for arg in [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]:
            if arg.arg not in ("self", "cls") and arg.annotation is None: yield f"{path}: {node.name}({arg.arg}) is not annotated"

def words(path, cells):
    code = re.compile(r"(?<![\w.])(" + "|".join(map(re.escape, NAMES)) + r")(?!\w)")
    for i, c in enumerate(cells):
        text = source(c)
        if c["cell_type"] != "code": continue
        text = re.sub(r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|#.*", "", text)
        for w in sorted(set(code.findall(text)) - ALLOWED): yield f"{path} cell {i}: private word {w!r}"

def terms(path, cells):
    "Private words in prose"
    said = re.compile(r"\b(" + "|".join(map(re.escape, TERMS)) + r")\b", re.I)
    for i, c in enumerate(cells):
        if c["cell_type"] != "markdown": continue
        for w in sorted(set(map(str.lower, said.findall(source(c))))): yield f"{path} cell {i}: private term {w!r}"

def module_lines(path, root):
    "Wide lines of a module; what nbdev generates about `__all__` does not count"
    inside = False
    for i, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        inside = line.startswith("__all__ = [") or inside
        if len(line) > WIDE and not inside: yield f"{path.relative_to(root)} line {i}: {len(line)} columns"
        if inside and line.rstrip().endswith("]"): inside = False

def findings(root):
    for path in sorted((root/"nbs").rglob("*.ipynb")):
        if ".ipynb_checkpoints" in path.parts: continue
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        at = path.relative_to(root)
        for check in (early_figure, demonstrated, lines, words, terms): yield from ((check.__name__, f) for f in check(at, cells))
    for path in sorted((root/"cascade_nb").rglob("*.py")):
        if path.name == "_modidx.py": continue
        yield from (("annotated", f) for f in annotated(path))
        yield from (("module_lines", f) for f in module_lines(path, root))

# findings that are left, by kind; a number here may only fall
LEFT = {} # of each kind none

if __name__ == "__main__":
    found, counts = list(findings(Path("."))), {}
    for kind, text in found:
        counts[kind] = counts.get(kind, 0) + 1
        if "--report" not in sys.argv: print(text)
    print(", ".join(f"{k} {n}" for k, n in counts.items()))
    worse = {k: n for k, n in counts.items() if n > LEFT.get(k, 0)}
    print(f"{len(found)} findings" + (f"; more than there were: {worse}" if worse else ""))
    sys.exit(bool(worse))
