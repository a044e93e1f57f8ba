"""How much does a standard model learn beyond its task? (PreserveTask, section 4)"""

from dataclasses import dataclass

from fairray.methods._probed import ProbeSettings, check_tasks, unwanted
from fairray.methods.standard import Standard

__all__ = ["Trust"]


@dataclass(frozen=True, kw_only=True)
class Trust(ProbeSettings):
    """Train for the target alone, then probe the features for every task."""

    def chain(self, dataset):
        return self.probed(Standard(), unwanted(dataset))

    def check(self, dataset):
        check_tasks(dataset)
