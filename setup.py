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
# One source, two speeds: these files run as they are where nothing was compiled.
MIX_PATH = [
    Extension(f"media.mix.{name}", [f"media/mix/{name}.py"], extra_compile_args=["-O3"])
    for name in ("timeline", "delay", "filler", "playout")
]
EXTENSIONS = cythonize([DATA_PATH, G722], language_level=3)
# Their types are those of the .pxd beside them: an annotation `int` would mean an object here.
EXTENSIONS += cythonize(MIX_PATH, language_level=3, compiler_directives={"annotation_typing": False})
for extension in EXTENSIONS:
    # Said here, because cythonize makes new objects and forgets it.
    extension.optional = True

setup(packages=find_packages(exclude=["tests", "tests.*", "build", "var"]), ext_modules=EXTENSIONS)
