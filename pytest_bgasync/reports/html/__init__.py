"""The report: a page that shows what the runs of a session's tests did, made from the records of the ledger alone."""
