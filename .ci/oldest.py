"""The oldest version of each library that settings.ini allows, as constraints for pip, one a line.
`--but NAME` leaves a library out. `--tests` prints what `.ci/oldest` needs to run notebooks instead, with its own pins."""
import re, sys
from configparser import ConfigParser
from pathlib import Path

TESTS = ("nbdev", "execnb", "fastcore", "ghapi", "nbformat", "nbclient", "ipykernel", "hypothesis", "dask")

def oldest(requirements):
    "name==version of each requirement"
    for requirement in requirements.split():
        found = re.match(r"([\w.-]+)>=([\d.]+)", requirement)
        if not found: sys.exit(f"settings.ini: {requirement} names no oldest version")
        yield found[1], f"{found[1]}=={found[2]}"

def for_tests(requirements):
    "The requirements of developers that tests cannot do without"
    return [r for r in requirements.split() if re.match(r"[\w-]+", r)[0] in TESTS]

def main(args):
    config = ConfigParser(delimiters=["="])
    config.read(Path(__file__).parent.parent/"settings.ini", encoding="utf-8")
    settings = config["DEFAULT"]
    if "--tests" in args: print(*for_tests(settings["dev_requirements"]), sep="\n")
    else: print(*(pin for name, pin in oldest(settings["requirements"]) if name not in args), sep="\n")

if __name__ == "__main__": main(sys.argv[1:])
