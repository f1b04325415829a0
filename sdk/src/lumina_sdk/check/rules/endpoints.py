"""The manifest's endpoints against the code's."""

from __future__ import annotations

from collections.abc import Iterator

from lumina_sdk.check.folder import ModuleFolder
from lumina_sdk.check.rule import Code, Rule
from lumina_sdk.contract.finding import ModuleFinding

__all__ = ["RULE"]

UNDECLARED = Code(
    "endpoint-not-in-manifest", "The code has an endpoint the manifest does not declare; nobody can call it."
)
MISSING = Code("endpoint-not-in-code", "The manifest declares an endpoint the code does not have.")


def check(module: ModuleFolder) -> Iterator[ModuleFinding]:
    found = module.inspection
    if found is None or found.problem:
        return
    declared = {(str(endpoint.method), endpoint.path) for endpoint in module.endpoints.values()}
    for coded in found.endpoints:
        if (coded.method, coded.path) not in declared:
            yield module.finding_in(
                UNDECLARED,
                module.relative(coded.file),
                coded.line,
                f"{coded.method} {coded.path} does not stand in the manifest",
                "Add it under endpoints, with its description and scopes.",
            )
    written = {(coded.method, coded.path) for coded in found.endpoints}
    for index, endpoint in module.endpoints.items():
        if (endpoint.method, endpoint.path) not in written:
            yield module.finding(
                MISSING,
                ("endpoints", index),
                f"the code has no {endpoint.method} {endpoint.path}",
                f'Write a function under @module.endpoint("{endpoint.method}", "{endpoint.path}").',
            )


RULE = Rule((UNDECLARED, MISSING), check)
