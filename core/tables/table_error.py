"""Why a table, or one row of it, cannot be read; whoever reads it says which file it is."""


class TableError(Exception):
    """A table that cannot be read: what the `problem` is, `where` in the file, and the way out, if there is one."""

    def __init__(self, problem: str, where: str | None = None, advice: str | None = None) -> None:
        super().__init__(f"{where}: {problem}" if where else problem)
        self.problem = problem
        self.where = where
        self.advice = advice
