"""Does it matter which trigger BaDe implants? (BaDe, Table 8 and section 5.7)

Blocks of 25, 10, 3 and 1 pixels of a CelebA image, mosaic and shadow, as the paper has them; a larger block, other
colours, Blended, SIG and WaNet besides. On digits two are left out: a block of 1 is one of 3 there, and a mosaic of
their flat corners changes nothing.
"""

from fairray import cli, report

sections = report.comparison()

if __name__ == "__main__":
    cli.run_script(__file__)
