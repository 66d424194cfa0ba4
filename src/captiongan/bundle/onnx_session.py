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


def open_session(content: bytes, name: str | Path) -> ort.InferenceSession:
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
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = " ".join(str(error).split())
        raise BundleError(
            f"'{name}' is not a model that ONNX Runtime can open ({reason}); copy or download the "
            "bundle again"
        ) from error
