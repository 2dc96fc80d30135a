"""From folders of pictures to trained weights."""

import click

from lic_lab.cli.arguments import PATH
from lic_lab.terminal import bar


@click.command(short_help="Train a model on folders of pictures.")
@click.argument("model")
@click.argument("data", nargs=-1, required=True, type=PATH)
@click.option("--preset", default="lab", show_default=True, help="Size of the model.")
@click.option(
    "--lambda", "lmbda", type=float, help="One fixed trade-off; without it, the model's whole ladder of rates."
)
@click.option("--steps", type=click.IntRange(1), help="Training steps.")
@click.option("--batch-size", type=click.IntRange(1), help="Crops per step.")
@click.option("--crop", type=click.IntRange(64), help="Side of a crop in pixels.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--threads", type=click.IntRange(1), help="CPU threads; by default as many as torch takes.")
@click.option("--out", type=PATH, required=True, metavar="DIR", help="Folder for the weights, the log and the state.")
@click.option("--resume", is_flag=True, help="Go on from the state in DIR.")
def train(model, data, out, **options):
    """Train MODEL on the pictures of the DATA folders; bisic on their stereo pairs, or on pairs made of pictures.

    \b
    lic-lab train charm pictures/ --preset tiny --steps 2000 --out runs/first
    lic-lab train charm pictures/ --preset tiny --steps 4000 --out runs/first --resume
    """
    from lic_lab.training import recipes

    given = {name: value for name, value in options.items() if value is not None}
    with bar("training") as progress:
        path = recipes.train(model, list(data), out=out, progress=progress, **given)
    click.echo(f"weights: {path}")
