"""What all tests need, in whichever Python they run."""

import os
import signal

# A shell that starts the suite in the background has it ignore Ctrl-C, and so would every process it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Each of several processes that run tests has one core. Its libraries, and those of what it starts, would start a
# thread for each core of the machine, and threads that wait for a core burn three times what they need.
if "PYTEST_XDIST_WORKER" in os.environ:
    for library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
        os.environ.setdefault(library, "1")
