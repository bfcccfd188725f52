"""The source of a compiled module, run as plain Python."""

import importlib.util
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def plain_source(module: str) -> ModuleType:
    """The module under another name, whether or not its compiled form is there."""
    path = ROOT / (module.replace(".", "/") + ".py")
    loader = SourceFileLoader(f"plain_{path.stem}", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    loaded = importlib.util.module_from_spec(spec)
    loader.exec_module(loaded)
    return loaded
