"""`bywords export MODEL --to PAGE.html|MODEL.onnx`: a model as a file that works without Python."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bywords.cli import options
from bywords.cli.screen import print_json, say, working
from bywords.errors import SettingError

ENDINGS = (".html", ".onnx")


def export(
    model: options.Model,
    to: Annotated[Path, typer.Option(help="Where to write: .html for a page, .onnx for logits from ids.")],
    as_json: options.AsJson = False,
) -> None:
    """Write a linear model as one page that labels texts and csv files in a browser, offline; or for ONNX.

    The page's labels are those of `predict`; nothing that is typed or dropped into it leaves the machine.
    """
    from bywords.artifact.description import load_classifier
    from bywords.artifact.model_folder import OWN, size_bytes
    from bywords.cli.hold import hold
    from bywords.files import check_writable, write_whole

    if to.suffix.lower() not in ENDINGS:
        raise SettingError(f"{to}: expected a name that ends in {' or '.join(ENDINGS)}.")
    check_writable(to)
    hold(to)
    options.check_output(to, *(model / name for name in OWN))
    with working("exporting"):
        classifier = load_classifier(model)
        if to.suffix.lower() == ".onnx":
            from bywords.exporting.onnx import onnx_files

            files = onnx_files(classifier, to)
        else:
            from bywords.exporting.page import exported_page

            files = {to: exported_page(classifier, name=model.resolve().name).encode()}
        for path in files:
            check_writable(path)
        for path, content in files.items():
            write_whole(path, content)
    n_bytes, of_model = sum(map(len, files.values())), size_bytes(model)
    if as_json:
        print_json({"files": list(map(str, files)), "bytes": n_bytes, "bytes_of_model": of_model})
        return
    say(
        f"Written: {' and '.join(map(str, files))}, {n_bytes / 1e6:.1f} MB (the model folder has {of_model / 1e6:.1f})."
    )
    if to.suffix.lower() == ".html":
        say("Open it in a browser: it labels what is typed or dropped there, and sends nothing anywhere.")
