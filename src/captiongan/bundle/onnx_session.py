"""Opening an ONNX file for drawing on the CPU."""

import os
from pathlib import Path

# ONNX Runtime reads this when it is imported. Without it, its official builds log each session in
# the home folder and send the log to their maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

from captiongan.base.threads import threads
from captiongan.bundle.onnx_check import check_onnx
from captiongan.errors import BundleError


def open_session(path: Path) -> ort.InferenceSession:
    """Open an ONNX file on the CPU, with `OMP_NUM_THREADS` threads or one for each available core.

    Raises:
        BundleError: the file is not an ONNX model, or `check_onnx` refuses it.
    """
    check_onnx(path)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads()
    options.log_severity_level = 3
    try:
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = " ".join(str(error).split())
        raise BundleError(
            f"'{path}' is not a model that ONNX Runtime can open ({reason}); copy or download the "
            "bundle again"
        ) from error
