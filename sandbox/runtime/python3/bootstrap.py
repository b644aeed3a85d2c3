"""What a worker of kind python3 executes. The code is in skerry_runtime, whose bytecode the image has."""
import sys

# Nobody could write it, and looking for the place costs time.
sys.dont_write_bytecode = True

from skerry_runtime.loop import main  # noqa: E402

sys.exit(main())
