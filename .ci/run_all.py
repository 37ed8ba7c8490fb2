"""Run All, as JupyterLab and Voila do it, works in every notebook: offline, with no error, and no file changed.
`run_all.py` reads the notebooks and finds what nbdev's tests would not run but a plain kernel does.
`run_all.py --run [--two] [NOTEBOOK...]` runs every cell in a plain kernel, two notebooks side by side where asked,
and says how long each took.
Exit code 1 if anything was found."""
import hashlib, os, re, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

SWITCH = "CASCADE_NB_FULL" # the environment variable that lets what takes minutes or hours run
CONDITION = f'if "{SWITCH}" in os.environ:'
SKIPPED = re.compile(r"^\s*#\|\s*(eval:\s*false|notest|skip_exec)\b", re.M | re.I)
NOWHERE = "http://127.0.0.1:9" # a proxy that answers nobody

def guarded(source):
    "Is the whole cell under the one condition?"
    body = [line for line in source.splitlines() if line.strip() and not line.startswith("#|")]
    return body[0] == CONDITION and all(line.startswith(" ") for line in body[1:])

def found_in(path):
    "What keeps Run All from working, cell by cell"
    for i, c in enumerate(nbformat.read(path, as_version=4).cells):
        if c.cell_type != "code": continue
        if m := SKIPPED.search(c.source):
            yield f"{path}, cell {i}: {m[0].strip()} means nothing to a plain kernel: make it text, or put it under {CONDITION}"
        if SWITCH in c.source and not guarded(c.source):
            yield f"{path}, cell {i}: {SWITCH} is read in another way than by the one line {CONDITION} over the whole cell"

def files():
    "Every file that is no cache → what is in it"
    kept = (p for p in Path(".").rglob("*") if p.is_file() and not {".git", "__pycache__", ".ipynb_checkpoints"} & {*p.parts})
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in kept}

def run(path):
    "Run every cell; a sentence for what is wrong, or nothing"
    start, nb = time.time(), nbformat.read(path, as_version=4)
    client = NotebookClient(nb, timeout=900, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}})
    try: client.execute()
    except CellExecutionError as e: return f"{path}: {str(e)[-600:]}"
    finally: print(f"{path}: {time.time() - start:.0f} s", flush=True)

def all_run(paths, side_by_side):
    "Run the notebooks; a sentence for each that is wrong, and one for each file that is not what it was"
    before = files()
    with ThreadPoolExecutor(side_by_side) as pool: yield from filter(None, pool.map(run, paths))
    after = files()
    for k in sorted(k for k in {*before, *after} if before.get(k) != after.get(k)): yield f"Run All changed {k}"

def main(args):
    given = [Path(o) for o in args if not o.startswith("--")]
    paths = given or sorted(p for p in Path("nbs").rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts)
    found = [o for p in paths for o in found_in(p)]
    if "--run" in args:
        os.environ.pop(SWITCH, None)
        os.environ.update(dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE))
        found += all_run(paths, 1 + ("--two" in args))
    print(*found, f"{len(paths)} notebooks, {len(found)} found", sep="\n")
    return bool(found)

if __name__ == "__main__": sys.exit(main(sys.argv[1:]))
