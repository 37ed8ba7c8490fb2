"What must hold between the modules: `nbdev_export` never deletes, and the engine alone knows how things are made fast."
import ast, re, sys
from pathlib import Path

LIB = Path("cascade_nb")
FAST = {"threading", "concurrent", "threadpoolctl", "greenlet", "scipy.linalg.lapack", "queue"} # imported in the engine only

def modules():
    "Paths of all exported modules"
    return sorted(p for p in LIB.rglob("*.py") if p.name not in ("__init__.py", "_modidx.py"))

def orphan(path, text):
    "What is wrong with the notebook of a module"
    named = re.search(r"File to edit: (\S+\.ipynb)", text)
    if not named: return "names no notebook"
    nb = path.parent/named[1]
    name = ".".join(path.relative_to(LIB).with_suffix("").parts)
    if not nb.exists(): return f"its notebook {named[1]} does not exist: delete the module"
    if f"#| default_exp {name}\"" not in nb.read_text(): return f"{named[1]} exports another module: delete this one"

def imports(tree):
    "(line, module, names) of all imports"
    for o in ast.walk(tree):
        if isinstance(o, ast.Import): yield from ((o.lineno, a.name, []) for a in o.names)
        elif isinstance(o, ast.ImportFrom): yield o.lineno, "."*o.level + (o.module or ""), [a.name for a in o.names]

def wrong(path):
    "Yield what is wrong with a module, in words"
    text = path.read_text()
    tree, inside = ast.parse(text), path.parent.name == "engine"
    if said := orphan(path, text): yield said
    for line, module, names in imports(tree):
        ours = module.startswith((".", "cascade_nb"))
        if not inside and (module in FAST or module.split(".")[0] in FAST): yield f"line {line}: only the engine imports {module}"
        if ours: yield from (f"line {line}: {n} is private to {module}" for n in names if n.startswith("_"))
        if inside and ours and module != "." and not re.match(r"\.\w+$|cascade_nb\.engine\.", module): yield f"line {line}: the engine imports the room {module}"
    if not inside and "_int_mm" in text: yield "only the engine multiplies bytes"

def forgotten():
    "Yield modules in nbdev's index that do not exist"
    for name in re.findall(r"^\s+(?:'syms': \{ )?'cascade_nb\.([\w.]+)': \{", (LIB/"_modidx.py").read_text(), re.M):
        if not (LIB/name.replace(".", "/")).with_suffix(".py").exists(): yield f"{LIB}/_modidx.py: {name} does not exist: delete its entry"

found = [f"{p}: {said}" for p in modules() for said in wrong(p)] + list(forgotten())
print(*found, f"{len(list(modules()))} modules, {len(found)} wrong", sep="\n")
sys.exit(bool(found))
