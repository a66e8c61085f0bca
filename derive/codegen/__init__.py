"""NumPy functions from proved closed forms."""

from derive.codegen.closed import compile_notes
from derive.codegen.lower import CompileError
from derive.codegen.module import compile_request, generate

__all__ = ["CompileError", "compile_notes", "compile_request", "generate"]
