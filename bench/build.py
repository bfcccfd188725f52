"""Builds the compiled RTP generator in place: `python -m bench.build`."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def build() -> None:
    """Compile `bench/_streams.pyx` where it is missing or older than its source. Raises on a failed build."""
    # Here, so that what needs no generator runs without Cython.
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension  # type: ignore[import-untyped]

    extension = Extension(
        "bench._streams", [str(ROOT / "bench" / "_streams.pyx")], extra_compile_args=["-O3", "-fno-strict-aliasing"]
    )
    distribution = Distribution(
        {
            "name": "bench-streams",
            "packages": [],
            "ext_modules": cythonize(  # type: ignore[no-untyped-call]
                [extension], include_path=[str(ROOT)], language_level=3, quiet=True
            ),
        }
    )
    command = distribution.get_command_obj("build_ext")
    command.inplace = True
    command.build_temp = str(ROOT / "build" / "bench")
    command.ensure_finalized()
    command.run()


if __name__ == "__main__":
    build()
