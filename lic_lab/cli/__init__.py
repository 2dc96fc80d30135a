"""The command line `lic-lab`: argument parsing only; every command calls one room of the house.

Heavy rooms are imported inside the commands, so that `lic-lab --help` answers at once.
"""

import warnings

import click

from lic_lab.cli import ablate, bench, compare, course, data, evaluate, files, look, probe, train
from lic_lab.terminal import OneLineGroup, say


@click.group(cls=OneLineGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="lic-lab", message="lic-lab %(version)s")
@click.pass_context
def main(ctx):
    """Learned image compression, beside the classical codecs, in real bytes.

    \b
    lic-lab encode photo.png photo.lic --bpp 0.25     a picture to a file
    lic-lab decode photo.lic photo.decoded.png        and back
    lic-lab compare photo.png --out comparison        several codecs at one size
    lic-lab evaluate charm,jpeg kodak                 curves and BD-rates over many rates
    lic-lab list                                      what can run here

    Every command has its own --help.
    """
    ctx.with_resource(warnings.catch_warnings())
    warnings.simplefilter("ignore")
    warnings.filterwarnings("always", category=UserWarning, module=r"lic_lab|__main__")
    warnings.showwarning = lambda message, *_, **__: say(f"note: {message}")


for command in (
    files.encode,
    files.decode,
    compare.compare,
    evaluate.evaluate,
    look.info,
    look.list_,
    train.train,
    bench.bench,
    ablate.ablate,
    probe.probe,
    data.data,
    course.course,
):
    main.add_command(command)
