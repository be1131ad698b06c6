"""What all tests need, in whichever Python they run."""

import signal

# A shell that starts the suite in the background has it ignore Ctrl-C, and so would every process it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
