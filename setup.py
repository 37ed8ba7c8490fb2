"Every setting comes from settings.ini: edit there, not here."
from configparser import ConfigParser
from pathlib import Path

import setuptools

here = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(here/"settings.ini", encoding="utf-8")
cfg = config["DEFAULT"]
lib = cfg["lib_path"]

setuptools.setup(
    name=cfg["lib_name"],
    license={"apache2": "Apache-2.0"}[cfg["license"]],
    classifiers=["Development Status :: 3 - Alpha",
                 "Intended Audience :: " + cfg["audience"],
                 "Natural Language :: " + cfg["language"],
                 "Topic :: Scientific/Engineering :: Artificial Intelligence",
                 "Programming Language :: Python :: 3"],
    url=cfg["git_url"],
    packages=setuptools.find_packages(include=[lib, lib + ".*"]),
    include_package_data=False,
    package_data={lib: cfg["package_data"].split()},
    install_requires=cfg["requirements"].split(),
    extras_require={k: cfg[f"{k}_requirements"].split() for k in ("dev", "distributed", "app", "libraries", "trainers", "fastai")},
    python_requires=">=" + cfg["min_python"],
    long_description=(here/"README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    zip_safe=False,
    entry_points={"console_scripts": cfg["console_scripts"].split(),
                  "nbdev": [f"{lib}={lib}._modidx:d"]},
    **{o: cfg[o] for o in "version description keywords author author_email".split()},
)
