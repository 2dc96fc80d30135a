"""How fast, beside others."""

import click

from lic_lab.cli.arguments import PATH, check_folder


@click.command(short_help="Time the scan, the coder and whole pictures beside their peers.")
@click.option("--section", "sections", multiple=True, help="Only this part; may be repeated.")
@click.option("--quick", is_flag=True, help="Smaller sizes and fewer repeats.")
@click.option("--json", "json_file", type=PATH, metavar="FILE", help="Write the numbers here too.")
def bench(sections, quick, json_file):
    """Time the scan, the coder and whole pictures beside their peers, in one run.

    \b
    lic-lab bench --quick
    lic-lab bench --section coder --json bench.json
    """
    from lic_lab.evaluation.bench import run_bench

    if json_file:
        check_folder(json_file)
    run_bench(sections=sections or None, quick=quick, json_file=json_file)
