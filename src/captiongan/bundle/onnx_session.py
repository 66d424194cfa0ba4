"""Opening an ONNX file for drawing: which device, how many threads."""

import os
from pathlib import Path

# Read when ONNX Runtime is imported. Its official builds would otherwise note each session in the
# home folder, and send that to their maker.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort

from captiongan.base.threads import threads
from captiongan.bundle.onnx_check import check_onnx
from captiongan.errors import BundleError


def open_session(path: Path) -> ort.InferenceSession:
    """Open an ONNX file for the CPU, on `OMP_NUM_THREADS` threads or the cores at hand.

    Raises:
        BundleError: the file is not such a model, or reaches outside itself (`check_onnx`).
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
