"""The values that travel between floors: drafts, mutations, outcomes, facts, pages. Pure data, no I/O."""
