"""The state of a module, as a function of what is so.

    discovered ─▶ invalid                                       its manifest or its needs do not allow running it
               ─▶ validated ─▶ granted ─▶ active ⇄ degraded     looked at, decided on, switched on
                                          ⇅     disabled        switched off
                                          ⇅     waiting_for_grants      a new version asks for more

A state is never stored. What is stored are the facts people decided on (what they granted, what they switched on);
the others are found out. So no crash can leave a state behind that the facts do not bear out.
"""

from __future__ import annotations

from dataclasses import dataclass

from lumina_sdk.contract import ModuleState

__all__ = ["Facts", "state_of", "why"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is so.

    Args:
        faults: Why it cannot run, in sentences; None where nobody has looked yet.
        undecided: Scopes it asks for that nobody granted or withheld.
        switched: True on, False off, None never touched.
        ailment: Why it is not well though it is switched on; "" where it is.
    """

    faults: tuple[str, ...] | None = None
    undecided: tuple[str, ...] = ()
    switched: bool | None = None
    ailment: str = ""


def state_of(facts: Facts) -> ModuleState:
    """The one state the facts mean."""
    if facts.faults is None:
        return ModuleState.DISCOVERED
    if facts.faults:
        return ModuleState.INVALID
    if facts.switched is False:
        return ModuleState.DISABLED
    if facts.undecided:
        return ModuleState.WAITING_FOR_GRANTS if facts.switched else ModuleState.VALIDATED
    if not facts.switched:
        return ModuleState.GRANTED
    return ModuleState.DEGRADED if facts.ailment else ModuleState.ACTIVE


def why(facts: Facts) -> str:
    """In a sentence, why it is not active; "" where it is."""
    state = state_of(facts)
    if state is ModuleState.INVALID:
        return "; ".join(facts.faults or ())
    if state in (ModuleState.WAITING_FOR_GRANTS, ModuleState.VALIDATED):
        return f"nobody decided yet whether it may {', '.join(facts.undecided)}"
    return {
        ModuleState.DISCOVERED: "it was not looked at yet",
        ModuleState.GRANTED: "it was never enabled",
        ModuleState.DISABLED: "it is switched off",
        ModuleState.DEGRADED: facts.ailment,
    }.get(state, "")
