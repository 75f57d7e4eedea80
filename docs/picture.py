"""The page of a comparison → docs/report.png, the picture in README: the top of the page at 1280 pixels, by Chromium.

bywords compare imdb --out demo/imdb    # or make demo
python docs/picture.py demo/imdb/report.html
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURE = Path(__file__).parent / "report.png"
WIDTH, HEIGHT = 1280, 1020
AT_MOST_BYTES = 300_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Open the page, and write its picture."""
    page = Path(sys.argv[1]).resolve()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None or not page.exists():
        sys.exit(f"expected a browser ({', '.join(BROWSERS)}) and the page {page}")
    with tempfile.TemporaryDirectory() as folder:
        taken = Path(folder) / "page.png"
        switches = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={folder}"]
        window = [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={taken}"]
        subprocess.run([browser, *switches, *window, page.as_uri()], check=True, capture_output=True, timeout=120)
        picture = Image.open(taken).convert("RGB")
    content = io.BytesIO()
    picture.save(content, format="png", optimize=True)
    if content.tell() > AT_MOST_BYTES:
        sys.exit(f"the picture takes {content.tell():,} bytes, at most {AT_MOST_BYTES:,} are wanted")
    PICTURE.write_bytes(content.getvalue())


if __name__ == "__main__":
    main()
