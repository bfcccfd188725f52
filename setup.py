"""Builds the compiled data path; without a compiler the pure-Python twin serves instead."""

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

DATA_PATH = Extension(
    "media._datapath",
    ["media/_datapath.pyx"],
    # The addresses are read as words and as fields.
    extra_compile_args=["-O3", "-fno-strict-aliasing"],
    libraries=["pthread"],
)
G722 = Extension("media.codecs.g722", ["media/codecs/g722.py"], extra_compile_args=["-O3"])
EXTENSIONS = cythonize([DATA_PATH, G722], language_level=3)
for extension in EXTENSIONS:
    # Said here, because cythonize makes new objects and forgets it.
    extension.optional = True

setup(packages=find_packages(exclude=["tests", "tests.*", "build", "var"]), ext_modules=EXTENSIONS)
