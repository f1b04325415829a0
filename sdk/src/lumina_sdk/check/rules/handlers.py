"""The manifest's subscriptions and jobs against the code's."""

from __future__ import annotations

from collections.abc import Iterator

from lumina_sdk.check.folder import ModuleFolder
from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.contract.finding import ModuleFinding

__all__ = ["RULE"]

UNDECLARED = Code("handler-not-in-manifest", "The code handles events or has a job that the manifest does not declare.")
MISSING = Code(
    "handler-not-in-code", "The manifest subscribes to events or declares a job that the code does not handle."
)
DIFFERENT = Code("schedule-differs", "The manifest and the code say different times for a job.")


def check(module: ModuleFolder) -> Iterator[ModuleFinding]:
    found = module.inspection
    if found is None or found.problem:
        return
    yield from _handlers(module)
    yield from _jobs(module)


def _handlers(module: ModuleFolder) -> Iterator[ModuleFinding]:
    handlers = module.inspection.handlers if module.inspection else ()
    subscribed = module.streams("subscribes")
    for handler in handlers:
        if handler.stream not in subscribed.values():
            yield module.finding_in(
                UNDECLARED,
                module.relative(handler.file),
                handler.line,
                f"the manifest does not subscribe to {handler.stream!r}",
                f"Add it: events: {{subscribes: [{handler.stream!r}]}}.",
            )
    handled = {handler.stream for handler in handlers}
    for index, stream in subscribed.items():
        if stream not in handled:
            yield module.finding(
                MISSING,
                ("events", "subscribes", index),
                f"the code does not handle {stream!r}",
                f'Write a function under @module.on("{stream}"), or remove the line.',
            )


def _jobs(module: ModuleFolder) -> Iterator[ModuleFinding]:
    jobs = {job.name: job for job in (module.inspection.jobs if module.inspection else ())}
    entries = {entry.name: (index, entry) for index, entry in module.schedule.items()}
    for name, job in jobs.items():
        when = f"every: {job.every}" if job.every else f"cron: '{job.cron}'"
        if name not in entries:
            yield module.finding_in(
                UNDECLARED,
                module.relative(job.file),
                job.line,
                f"the job {name!r} does not stand in the manifest",
                f"Add it: schedule: [{{name: {name}, {when}}}].",
            )
            continue
        index, entry = entries[name]
        if (entry.every, entry.cron) != (job.every, job.cron):
            yield module.finding(
                DIFFERENT,
                ("schedule", index),
                f"the code has the job {name!r} at other times",
                f"Write {when}, or change the code.",
            )
    for name, (index, _) in entries.items():
        if name not in jobs:
            yield module.finding(
                MISSING,
                ("schedule", index),
                f"the code has no job {name!r}",
                f"Write a function {name.replace('-', '_')}() under @module.every(…) or @module.cron(…).",
            )


RULE = Rule((UNDECLARED, MISSING, DIFFERENT), check)
