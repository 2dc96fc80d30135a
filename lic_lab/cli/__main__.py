"""`python -m lic_lab.cli`, where the script `lic-lab` is not on the path."""

from lic_lab.cli import main

main()
