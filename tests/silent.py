"""A mirror that shows nothing."""

__all__ = ["Silent"]


class Silent:
    def show(self, trial, records, doubt=None):
        assert len(records)

    def fail(self, trial, error):
        assert error

    def progress(self, counts):
        assert 0 <= counts["share"] <= 1
