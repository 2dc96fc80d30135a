"""What each idea of a model is worth."""

import json
from functools import partial

import click

from lic_lab.cli.arguments import PATH, check_out, names
from lic_lab.errors import LicLabError
from lic_lab.terminal import bar, console, say, spinner

SIDE = 256  # pixels: side of the picture that the work is counted for


@click.command(short_help="Train the variants of a model alike and say what each difference is worth.")
@click.argument("model")
@click.argument("data", nargs=-1, type=PATH)
@click.option("--preset", default="tiny", show_default=True, help="Size of the model.")
@click.option("--variants", help="Names with commas between, see --list; without, all of them.")
@click.option("--seeds", default="0,1,2", show_default=True, help="Numbers with commas between.")
@click.option("--lambda", "lmbda", type=float, help="One fixed trade-off; then R + lambda D is compared.")
@click.option("--steps", type=click.IntRange(1), help="Training steps of every run.")
@click.option("--batch-size", type=click.IntRange(1), help="Crops per step.")
@click.option("--crop", type=click.IntRange(64), help="Side of a crop in pixels.")
@click.option("--lr", type=float, help="Peak learning rate.")
@click.option("--warmup", type=click.IntRange(0), help="Steps of linear growth of the learning rate.")
@click.option("--ema", type=float, help="Of the averaged weights; 0 keeps the last ones, which suits short budgets.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads; by default as many as torch takes.")
@click.option("--pictures", multiple=True, type=PATH, help="File or folder to test on; the bundled pictures without.")
@click.option("--out", type=PATH, metavar="DIR", help="Folder for the runs, the tables and the figure.")
@click.option("--list", "list_", is_flag=True, help="Show the variants and what they cost, without training.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead of a table.")
def ablate(model, data, preset, variants, seeds, out, list_, as_json, **options):
    """Train the variants of MODEL on the pictures of the DATA folders, from the same seeds and with the same budget.

    Every variant is measured on real files of the same test pictures and compared with the full model, seed by seed.
    The same command goes on where it was interrupted.

    \b
    lic-lab ablate cmamba --list
    lic-lab ablate cmamba pictures/ --steps 2000 --out runs/ablation
    lic-lab ablate bimamba pictures/ --variants no-ssm,no-context --seeds 0,1 --pictures kodak/ --out runs/two
    """
    from lic_lab.probes.complexity import complexity

    costs = partial(complexity, height=SIDE, width=SIDE)
    if list_:
        _list(model, preset, costs, as_json)
        return
    if not data or out is None:
        raise LicLabError(f"ablate needs pictures and a folder: lic-lab ablate {model} pictures/ --out runs/ablation")
    check_out(out)
    from lic_lab.evaluation.ablation import ablate as run_ablation
    from lic_lab.evaluation.ablation_tables import ablation_sheet, write_ablation
    from lic_lab.plots.ablation import ablation_chart

    given = {name: value for name, value in options.items() if value is not None and value != ()}
    wanted = names(variants) if variants else None
    with bar("ablating") as progress:
        found = run_ablation(
            model, list(data), out=out, preset=preset, variants=wanted, seeds=_seeds(seeds), costs=costs,
            progress=progress, **given,
        )  # fmt: skip
    paths = write_ablation(found, out)
    ablation_chart(found).figure((8.4, 4)).savefig(out / "ablation.png", dpi=110)
    click.echo(json.dumps(found.record(), indent=1) if as_json else ablation_sheet(found).markdown(), nl=as_json)
    say(f"{len(found.runs)} runs: {', '.join(map(str, [*paths, out / 'ablation.png']))}")


def _seeds(text: str) -> list[int]:
    try:
        return [int(seed) for seed in names(text)]
    except ValueError:
        raise LicLabError(f"seeds are whole numbers with commas between, as in 0,1,2; got {text!r}") from None


def _list(model: str, preset: str, costs, as_json: bool) -> None:
    """Show what would be trained."""
    from rich.markup import escape
    from rich.table import Table

    from lic_lab.evaluation.ablation_tables import switches_text
    from lic_lab.evaluation.variants import variants
    from lic_lab.models.presets import build

    with spinner(f"counting the work of {model}"):
        known = variants(model, preset, costs=costs)
        work = {variant: costs(build(model, preset, **switches)) for variant, switches in known.items()}
    if as_json:
        rows = {
            v: {"switches": s, **{k: getattr(work[v], k) for k in ("parameters", "encode_kmac", "decode_kmac")}}
            for v, s in known.items()
        }
        click.echo(json.dumps(rows, indent=1))
        return
    table = Table(title=f"Variants of {model}, preset {preset}", title_justify="left", box=None, pad_edge=False)
    table.add_column("variant", no_wrap=True)
    table.add_column("switches", overflow="fold")
    for head in ("parameters", "encode kMAC/px", "decode kMAC/px"):
        table.add_column(head, justify="right", no_wrap=True)
    for variant, switches in known.items():
        cost = work[variant]
        numbers = (f"{cost.parameters:,}", f"{cost.encode_kmac:.3g}", f"{cost.decode_kmac:.3g}")
        table.add_row(variant, escape(switches_text(switches)), *numbers)
    console().print(table)
