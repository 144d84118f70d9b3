from __future__ import annotations

import resource
import subprocess
import sys

HEAVY = "torch", "numpy", "scipy", "skimage", "sklearn", "timm", "cv2", "PIL", "rich"


def test_help_is_quick_since_it_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['fakelocator', '--help']\n"
        "from fakelocator_zoo.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        f"assert not set({HEAVY}) & set(sys.modules), set({HEAVY}) & set(sys.modules)"
    )
    # CPU time: a busy machine makes no difference to it.
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    for command in ("demo", "locate", "adapt", "models", "parse", "train", "bank", "evaluate", "calibrate", "data"):
        assert f"  {command} " in done.stdout
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 0.6  # twice what it takes
