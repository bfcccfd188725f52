"""Types of the compiled data path; `media.datapath.Datapath` says what the methods promise."""

from media.datapath_twin import TwinDatapath

class CompiledDatapath(TwinDatapath): ...
