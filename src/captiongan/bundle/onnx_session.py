"""Opening an ONNX file for drawing on the CPU."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# ONNX Runtime reads this when it is imported. Without it, its official builds log each session in
# the home folder and send the log to their maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import numpy.typing as npt
import onnxruntime as ort

from captiongan.base.threads import threads
from captiongan.bundle.onnx_check import check_onnx
from captiongan.errors import BundleError

Array = npt.NDArray[Any]


class Session(ort.InferenceSession):  # type: ignore[misc]
    """A network on the CPU, which returns what it says that it returns."""

    def run(self, names: None, inputs: Mapping[str, Array]) -> list[Array]:
        """Return the outputs, with as many rows as the inputs have.

        Raises:
            BundleError: the network fails, or an output has another shape than it says.
        """
        try:
            found: list[Array] = super().run(names, inputs)
        except Exception as error:  # ONNX Runtime raises bare ones
            raise self._unusable(" ".join(str(error).split())) from error
        rows = len(next(iter(inputs.values())))
        for output, values in zip(self.get_outputs(), found, strict=True):
            told = [rows, *output.shape[1:]]
            if len(told) != values.ndim or any(
                side != size
                for side, size in zip(told, values.shape, strict=True)
                if isinstance(side, int)
            ):
                raise self._unusable(f"'{output.name}' has the shape {values.shape}, not {told}")
        return found

    def _unusable(self, reason: str) -> BundleError:
        return BundleError(
            f"a network of the bundle cannot be used ({reason}); copy or download the bundle again"
        )


def open_session(content: bytes, name: str | Path) -> Session:
    """Open the content of an ONNX file on the CPU.

    It has `OMP_NUM_THREADS` threads, or one for each available core. ONNX Runtime gets the bytes
    that were checked and no path, so there is no folder in which it could look for more.

    Raises:
        BundleError: ONNX Runtime cannot open it, or `check_onnx` refuses it; the message calls it
            `name`.
    """
    check_onnx(content, name)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads()
    options.log_severity_level = 3
    # Or the bytes could also be read as ONNX Runtime's own format, by a mark that a text may hold.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return Session(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = " ".join(str(error).split())
        raise BundleError(
            f"'{name}' is not a model that ONNX Runtime can open ({reason}); copy or download the "
            "bundle again"
        ) from error
