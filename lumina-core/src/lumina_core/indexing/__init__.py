"""From the log to the stores that search: a process of its own follows the log and keeps the collections in step."""
