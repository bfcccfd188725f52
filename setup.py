"""Builds the compiled data path; without a compiler the pure-Python twin serves instead."""

from Cython.Build import cythonize
from setuptools import Extension, find_packages, setup

setup(
    packages=find_packages(exclude=["tests", "tests.*", "build", "var"]),
    ext_modules=cythonize(
        [
            Extension(
                "media._datapath",
                ["media/_datapath.pyx"],
                # The addresses are read as words and as fields.
                extra_compile_args=["-O3", "-fno-strict-aliasing"],
                libraries=["pthread"],
                optional=True,
            )
        ],
        language_level=3,
    ),
)
