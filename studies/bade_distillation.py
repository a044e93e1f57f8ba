"""Does it matter by which loss, and at which temperature, BaDe distils its student? (BaDe, Table 6 and Figure 6)

All arms imitate the same teachers, which are trained once.
"""

from fairray import cli, report

METRICS = ("odds", "eacc")

sections = (report.Verdict(METRICS), report.Table(METRICS), report.Sweep(METRICS), report.Replays())

if __name__ == "__main__":
    cli.run_script(__file__)
