"""What the structure of the house promises, checked without running it. One line a finding, "N findings" at the end.

1 private     no module takes a name with a leading underscore from another module of the package
2 engine      threads, processes, LAPACK, byte products and NumPy behind torch are used in cascade_nb/engine/ only
3 notebooks   every module names a notebook that exists, every entry of _modidx.py has a module, notebooks hold known cells
4 numbers     notebooks' numbers run without gaps or letters, in nbs/ and in nbs/engine/
5 paths       cascade.py never asks `hasattr(self, …)`, nor lets `self.x is None` choose a path
6 stairs      a notebook imports only rooms with a lower number, and the engine imports no room
7 draws       random numbers of a generator say their device, or they fail under torch.set_default_device
8 lines       lines over 120 columns and statements joined by `;` in code cells: counted, for now not a failure
9 outputs   no warning, error or progress bar is saved as a notebook's output
10 install  no page installs the package from an index, as long as no index has it

Exit code 1 where any of them but 8 has a finding. `--only 1,3` looks at some of them.
"""
import argparse
import ast
import importlib.util
import io
import json
import re
import sys
import tokenize
from pathlib import Path
from typing import Iterator, NamedTuple

PACKAGE = "cascade_nb"
LINE = 120 # columns
ENGINE_MODULES = ("threading", "concurrent.futures", "multiprocessing", "threadpoolctl", "scipy.linalg.lapack",
                  "greenlet", "queue")
ENGINE_CALLS = ("torch._int_mm", "torch.set_num_threads", "np.matmul", "numpy.matmul")
HAND_WRITTEN = ("__init__.py", "_modidx.py") # neither is exported from a notebook


class Finding(NamedTuple):
    where: str # file and line, or file and cell
    what: str


class Module(NamedTuple):
    name: str # below the package, dotted: 'cascade', 'engine.moments'
    path: Path # as it is printed
    text: str
    tree: ast.AST


def modules(root:Path) -> list:
    "The package's modules"
    found = []
    for path in sorted((root/PACKAGE).rglob("*.py")):
        if "__pycache__" in path.parts: continue
        parts = path.relative_to(root/PACKAGE).with_suffix("").parts
        text = path.read_text(encoding="utf-8")
        found.append(Module(".".join(parts), path.relative_to(root), text, ast.parse(text)))
    return found


def is_private(name:str) -> bool: return name.startswith("_") and not name.startswith("__")


def imported_from(node:ast.ImportFrom, module:str) -> str:
    "The module that `from … import` names; within the package as 'cascade_nb.x'"
    if not node.level: return node.module or ""
    above = [PACKAGE, *module.split(".")][:-node.level]
    return ".".join([*above, *filter(None, [node.module])])


def dotted(node:ast.AST) -> str:
    "`a.b.c` as text; '' for anything else"
    if isinstance(node, ast.Name): return node.id
    inner = dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{inner}.{node.attr}" if inner else ""


def own_aliases(m:Module, names:set) -> set:
    "Names by which `m` calls other modules of the package; `names` are all modules"
    found = set()
    for node in ast.walk(m.tree):
        if isinstance(node, ast.Import):
            found |= {a.asname or a.name for a in node.names if a.name.split(".")[0] == PACKAGE}
        elif isinstance(node, ast.ImportFrom):
            base = imported_from(node, m.name)
            found |= {a.asname or a.name for a in node.names if f"{base}.{a.name}".removeprefix(f"{PACKAGE}.") in names}
    return found


def private(root:Path) -> Iterator[Finding]:
    all_modules = modules(root)
    names = {m.name for m in all_modules}
    for m in all_modules:
        aliases = own_aliases(m, names)
        for node in ast.walk(m.tree):
            if isinstance(node, ast.ImportFrom) and imported_from(node, m.name).split(".")[0] == PACKAGE:
                source = imported_from(node, m.name)
                for a in node.names:
                    if is_private(a.name): yield Finding(f"{m.path}:{node.lineno}", f"imports {a.name} of {source}")
            elif isinstance(node, ast.Attribute) and is_private(node.attr):
                base = dotted(node.value)
                if base in aliases or base.startswith(f"{PACKAGE}."):
                    yield Finding(f"{m.path}:{node.lineno}", f"uses {base}.{node.attr}")


def numpy_product(node:ast.AST) -> bool:
    "`a.numpy() @ b`, or the other way round"
    sides = (node.left, node.right) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult) else ()
    return any(isinstance(o, ast.Attribute) and o.attr == "numpy" for side in sides for o in ast.walk(side))


def engine(root:Path) -> Iterator[Finding]:
    def of_engine(name): return any(name == o or name.startswith(f"{o}.") for o in ENGINE_MODULES)
    for m in modules(root):
        if m.name.split(".")[0] == "engine": continue
        for node in ast.walk(m.tree):
            if isinstance(node, ast.Import):
                used = [a.name for a in node.names if of_engine(a.name)]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                full = [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
                used = list(filter(of_engine, full))[:1] + [o for o in full if o in ENGINE_CALLS]
            else:
                used = [o for o in [dotted(node)] if o in ENGINE_CALLS] or ["numpy's @"]*numpy_product(node)
            for name in used: yield Finding(f"{m.path}:{node.lineno}", f"{name} outside {PACKAGE}/engine/")


def notebook_of(m:Module, root:Path) -> Path|None:
    "The notebook a module says it comes from"
    said = re.search(r"File to edit: (\S+\.ipynb)", m.text)
    return said and (root/m.path.parent/said[1]).resolve()


def indexed(root:Path) -> list:
    "Modules in _modidx.py"
    spec = importlib.util.spec_from_file_location("modidx", root/PACKAGE/"_modidx.py")
    index = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(index)
    return list(index.d["syms"])


def notebooks(root:Path) -> Iterator[Finding]:
    all_modules = modules(root)
    for m in all_modules:
        if m.path.name in HAND_WRITTEN: continue
        nb = notebook_of(m, root)
        if nb is None: yield Finding(str(m.path), "names no notebook")
        elif not nb.exists(): yield Finding(str(m.path), f"comes from {nb.name}, which does not exist")
    known = {f"{PACKAGE}.{m.name}" for m in all_modules}
    for name in indexed(root):
        if name not in known: yield Finding(f"{PACKAGE}/_modidx.py", f"lists {name}, which does not exist")
    for p in sorted((root/"nbs").rglob("*.ipynb")):
        if ".ipynb_checkpoints" in p.parts: continue
        kinds = {c["cell_type"] for c in json.loads(p.read_text(encoding="utf-8"))["cells"]}
        for kind in kinds - {"code", "markdown", "raw"}: # the site leaves such cells out without a word
            yield Finding(str(p.relative_to(root)), f"a cell is of type {kind!r}, which no reader knows")


def rooms(folder:Path) -> list:
    "Numbered notebooks"
    return sorted(p for p in folder.glob("[0-9]*.ipynb"))


def numbers(root:Path) -> Iterator[Finding]:
    for folder in (root/"nbs", root/"nbs/engine"):
        seen = []
        for p in rooms(folder):
            number = re.match(r"(\d\d)_", p.name)
            if number: seen.append(int(number[1]))
            else: yield Finding(str(p.relative_to(root)), "its number is not two digits and an underscore")
        for i in range(max(seen, default=-1) + 1):
            times = seen.count(i)
            if times != 1: yield Finding(str(folder.relative_to(root)), f"number {i:02} is there {times} times")


def chosen_by_self(test:ast.AST) -> Iterator[ast.AST]:
    "`self.x is None` and `self.x is not None` within a condition"
    for node in ast.walk(test):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Is, ast.IsNot)):
            none = isinstance(node.comparators[0], ast.Constant) and node.comparators[0].value is None
            if none and dotted(node.left).startswith("self."): yield node


def paths(root:Path) -> Iterator[Finding]:
    path = root/PACKAGE/"cascade.py"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        where = f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call) and dotted(node.func) == "hasattr" and dotted(node.args[0]) == "self":
            yield Finding(where, ast.unparse(node))
        for found in chosen_by_self(node) if isinstance(node, ast.Compare) else ():
            yield Finding(where, ast.unparse(found))


def code_cells(path:Path) -> Iterator[tuple]:
    "(number of the cell, its source)"
    for i, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] == "code": yield i, "".join(cell["source"])


def without_magics(source:str) -> str: return re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.M)


def parsed(source:str) -> ast.AST|None:
    try: return ast.parse(without_magics(source))
    except SyntaxError: return None # a cell magic: it holds no imports of ours


def rooms_used(tree:ast.AST) -> Iterator[tuple]:
    "(line, room of the package that is imported there)"
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == PACKAGE:
            rest = node.module.split(".")[1:]
            for room in [rest] if rest else [[a.name] for a in node.names]: yield node.lineno, ".".join(room)
        elif isinstance(node, ast.Import):
            for a in node.names:
                if a.name.startswith(f"{PACKAGE}."): yield node.lineno, a.name.removeprefix(f"{PACKAGE}.")


def exported_to(path:Path) -> str:
    "The module a notebook exports, '' for none"
    for _, source in code_cells(path):
        found = re.search(r"^#\|\s*default_exp\s+([\w.]+)", source, re.M)
        if found: return found[1]
    return ""


def stairs(root:Path) -> Iterator[Finding]:
    floors = {} # module -> (0 in the engine, 1 above it; number)
    for floor, folder in ((0, root/"nbs/engine"), (1, root/"nbs")):
        for p in rooms(folder):
            number = re.match(r"\d+", p.name)[0]
            floors[exported_to(p)] = (floor, int(number), p.name), p
    for name, (here, p) in floors.items():
        for cell, source in code_cells(p):
            tree = parsed(source)
            for line, used in rooms_used(tree) if tree else ():
                if used == "engine" and here[0]: continue # the folder as a whole
                if used not in floors or used == name: continue # a public name of the package, or itself
                if floors[used][0] > here:
                    yield Finding(f"{p.relative_to(root)} cell {cell}", f"imports {used}, which stands above it")


def draws(root:Path) -> Iterator[Finding]:
    for m in modules(root):
        for node in ast.walk(m.tree):
            if not isinstance(node, ast.Call) or not dotted(node.func).startswith("torch."): continue
            given = {k.arg for k in node.keywords}
            if "generator" in given and "device" not in given:
                yield Finding(f"{m.path}:{node.lineno}", f"{dotted(node.func)} with a generator and without device=")


def joined(source:str) -> int:
    "Statements joined by `;`; one that ends a line only hides an output"
    try: tokens = list(tokenize.generate_tokens(io.StringIO(without_magics(source)).readline))
    except (tokenize.TokenError, SyntaxError): return 0
    ends = (tokenize.NEWLINE, tokenize.COMMENT, tokenize.NL)
    return sum(a.type == tokenize.OP and a.string == ";" and b.type not in ends for a, b in zip(tokens, tokens[1:]))


def lines(root:Path) -> Iterator[Finding]:
    for p in sorted((root/"nbs").rglob("*.ipynb")):
        if ".ipynb_checkpoints" in p.parts: continue
        sources = [source for _, source in code_cells(p)]
        wide = sum(len(line) > LINE for source in sources for line in source.splitlines())
        both = sum(map(joined, sources))
        if wide or both:
            yield Finding(str(p.relative_to(root)), f"{wide} lines over {LINE} columns, {both} joined statements")


def outputs(root:Path) -> Iterator[Finding]:
    for p in sorted((root/"nbs").rglob("*.ipynb")):
        if ".ipynb_checkpoints" in p.parts: continue
        cells = json.loads(p.read_text(encoding="utf-8"))["cells"]
        for i, output in ((i, o) for i, c in enumerate(cells) for o in c.get("outputs", [])):
            if output.get("name") == "stderr" or output["output_type"] == "error":
                yield Finding(f"{p.relative_to(root)}, cell {i}", "a warning or an error is saved as an output")


def install(root:Path) -> Iterator[Finding]:
    for p in sorted((root/"nbs").rglob("*.ipynb")):
        if ".ipynb_checkpoints" in p.parts: continue
        for i, c in enumerate(json.loads(p.read_text(encoding="utf-8"))["cells"]):
            for command in re.findall(r"pip install [^\n`]*", "".join(c["source"])) if c["cell_type"] == "markdown" else ():
                if PACKAGE in command and "git+" not in command:
                    yield Finding(f"{p.relative_to(root)}, cell {i}", f"{command!r} asks an index for the package")


CHECKS = {1: private, 2: engine, 3: notebooks, 4: numbers, 5: paths, 6: stairs, 7: draws, 8: lines, 9: outputs, 10: install}
REPORT_ONLY = {8}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(map(str, CHECKS)), help="numbers of checks, such as 1,3")
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="the checkout to look at")
    args = parser.parse_args()
    root, failing, reported = args.root.resolve(), 0, 0
    for number in map(int, args.only.split(",")):
        found = list(dict.fromkeys(CHECKS[number](root)))
        for where, what in found: print(f"{number} {CHECKS[number].__name__:9} {where}: {what}")
        if number in REPORT_ONLY: reported += len(found)
        else: failing += len(found)
    print(f"{failing} findings, {reported} more that are only reported")
    return int(failing > 0)


if __name__ == "__main__": sys.exit(main())
