"""Fuzz one target after the other: `python -m tests.fuzz [SECONDS] [TARGET…]`, or `make fuzz SECONDS=60`.

With atheris, guided by coverage; where it cannot be installed, by mutations of the seeds. An input that breaks a
promise is kept in `tests/fuzz/found/TARGET/`, where a test replays it from then on; what atheris learns is in `.fuzz/`.
"""

import hashlib
import importlib.util
import random
import re
import subprocess
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
INPUT_BYTES_MAX = 8_192


def guided(name: str, seconds: int) -> int:
    """Run atheris in this process; it does not return but exits."""
    import atheris

    with atheris.instrument_imports(include=["keepline"]):
        from tests.fuzz.targets import TARGETS, WORDS
    target, seeds = TARGETS[name]
    corpus, found = ROOT / ".fuzz" / name, HERE / "found" / name
    corpus.mkdir(parents=True, exist_ok=True)
    found.mkdir(parents=True, exist_ok=True)
    for seed in seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    words = ROOT / ".fuzz" / "words"
    words.write_text("".join(f'"{"".join(f"{chr(92)}x{byte:02X}" for byte in word)}"\n' for word in WORDS))
    options = [
        f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", f"-dict={words}", "-timeout=10", "-verbosity=0",
        "-print_final_stats=1", f"-artifact_prefix={found}/",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(corpus)], target)
    atheris.Fuzz()
    return 0


def blind(name: str, seconds: int) -> int:
    """Mutate the seeds at random."""
    from tests.fuzz.targets import TARGETS, WORDS

    target, make_seeds = TARGETS[name]
    seeds, chance, until, tried = make_seeds(), random.Random(), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        data = chance.choice(seeds)
        for _ in range(chance.randint(1, 6)):
            start = chance.randint(0, len(data))
            end = min(len(data), start + chance.randint(0, 24))
            piece = chance.choice([chance.choice(WORDS), chance.randbytes(chance.randint(0, 4)), data[start:end] * 2])
            data = data[:start] + piece + data[end:]
        tried += 1
        try:
            target(data[:INPUT_BYTES_MAX])
        except Exception:
            traceback.print_exc()
            kept = HERE / "found" / name / f"crash-{hashlib.sha256(data).hexdigest()[:40]}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(data[:INPUT_BYTES_MAX])
            print(f"{name}: broken by {kept.relative_to(ROOT)}")
            return 1
    print(f"{tried} inputs")
    return 0


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    names = sys.argv[2:] or ["message", "description", "digest", "exchange"]
    if "one" in names:
        run = guided if importlib.util.find_spec("atheris") else blind
        return run(names[names.index("one") + 1], seconds)
    if not importlib.util.find_spec("atheris"):
        print("atheris is not installed here: mutating the seeds without its guidance")
    share = max(1, seconds // len(names))
    failed = [name for name in names if not held(name, share)]
    print(f"broken: {', '.join(failed)}" if failed else "no promise was broken")
    return 1 if failed else 0


def held(name: str, seconds: int) -> bool:
    """Fuzz one target in a process of its own and say what came of it."""
    command = [sys.executable, "-m", "tests.fuzz", str(seconds), "one", name]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = ran.stdout + ran.stderr
    if ran.returncode:
        print(said[-10_000:])
    counted = re.search(r"number_of_executed_units: (\d+)|(\d+) inputs", said)
    print(f"{name}: {(counted[1] or counted[2]) if counted else 'unknown'} inputs in {seconds} s")
    return ran.returncode == 0


sys.exit(main())
