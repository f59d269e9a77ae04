"""Compiles the lane into object files, in a process of its own: `python -m gateway.native.build FOLDER`.

Large code model and no position independence: all that is left to relocate are whole addresses.
"""

import sys
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
from numba import cfunc

from gateway.native import answers, blake2b, calls, http2, sending, sockets
from gateway.native.binding import library_path
from gateway.native.memory import I64

FUNCTIONS = {
    **http2.CALLBACKS,
    **http2.CALLS,
    **sending.CALLS,
    **answers.CALLS,
    **sockets.CALLS,
    "hash_of": (calls.hash_of, I64(I64, I64, I64, I64)),
    "key_state": (blake2b.key_state, I64(I64, I64, I64, I64)),
}


def build(folder: Path) -> None:
    """One object file a function, named after it; the function's symbol begins with `cfunc.`."""
    llvm.load_library_permanently(str(library_path()))
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3,
        reloc="static", codemodel="large",
    )  # fmt: skip
    for name, (function, signature) in FUNCTIONS.items():
        made: Any = cfunc(signature, error_model="numpy")(function)
        (folder / f"{name}.o").write_bytes(machine.emit_object(made._library._final_module))


if __name__ == "__main__":
    build(Path(sys.argv[1]))
