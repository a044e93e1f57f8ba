"""Do models that share one set of adversarial images reach what models reach that each attack their own?

Imperceptible Attacks, contribution 3: Algorithm 4.1 once and many models of Algorithm 4.2, instead of adversarial
training of every model. What each costs is measured by benchmarks/dro.py.
"""

from fairray import cli, report

sections = (report.BetaTests(),)

if __name__ == "__main__":
    cli.run_script(__file__)
