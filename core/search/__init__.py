"""Query -> ranked, judged and grouped result, over ports alone."""
