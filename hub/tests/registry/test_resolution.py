"""Order, versions and cycles."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from lumina_hub.registry.resolution import Blocked, Candidate, Cycle, Unmet, resolve

CORE = {"lumina-core": "0.3.0", "lumina-hub": "0.3.0", "lumina-sdk": "0.3.0"}
SLUGS = "alpha beta gamma delta epsilon".split()


def module(slug: str, *needs: str, version: str = "1.0.0") -> Candidate:
    return Candidate(slug, version, tuple(map(Requirement, needs)))


@st.composite
def _needs(draw: st.DrawFn) -> tuple[str, ...]:
    named = draw(st.lists(st.sampled_from([*SLUGS, "nowhere", "lumina-core"]), max_size=3, unique=True))
    return tuple(name + draw(st.sampled_from(["", ">=1", "<1", ">=0.2,<2", "==1.1.0"])) for name in named)


@st.composite
def _modules(draw: st.DrawFn) -> list[Candidate]:
    slugs = draw(st.lists(st.sampled_from(SLUGS), unique=True))
    versions = st.sampled_from(["0.9.0", "1.0.0", "1.1.0", "2.0.0-rc.1"])
    return [module(slug, *draw(_needs()), version=draw(versions)) for slug in slugs]


def names(candidate: Candidate) -> set[str]:
    return {requirement.name for requirement in candidate.requirements}


@given(_modules(), st.randoms())
def test_the_order_in_which_modules_are_found_does_not_matter(modules, random):
    assert resolve(random.sample(modules, k=len(modules)), CORE) == resolve(modules, CORE)


@given(_modules())
def test_every_module_is_either_in_order_or_has_an_obstacle(modules):
    resolution = resolve(modules, CORE)

    assert sorted([*resolution.order, *resolution.obstacles]) == sorted(it.slug for it in modules)
    assert all(resolution.obstacles.values())


@given(_modules())
def test_what_a_module_needs_comes_before_it_in_a_version_that_will_do(modules):
    order = resolve(modules, CORE).order
    known = {it.slug: it for it in modules}

    for slug in order:
        for requirement in known[slug].requirements:
            if requirement.name in CORE:
                version = CORE[requirement.name]
            else:
                version = known[requirement.name].version
                assert order.index(requirement.name) < order.index(slug)
            assert requirement.specifier.contains(version, prereleases=True)


@given(_modules())
def test_an_obstacle_is_one(modules):
    resolution = resolve(modules, CORE)
    known = {it.slug: it for it in modules}
    versions = {**CORE, **{it.slug: it.version for it in modules}}

    for slug, obstacles in resolution.obstacles.items():
        for obstacle in obstacles:
            if isinstance(obstacle, Unmet):
                assert obstacle.requirement in known[slug].requirements
                assert obstacle.found == versions.get(obstacle.requirement.name)
                assert obstacle.found is None or not obstacle.requirement.specifier.contains(
                    obstacle.found, prereleases=True
                )
            elif isinstance(obstacle, Cycle):
                assert obstacle.slugs[0] == obstacle.slugs[-1] == slug
                for one, other in zip(obstacle.slugs, obstacle.slugs[1:], strict=False):
                    assert other in names(known[one])
            else:
                assert obstacle.slug in names(known[slug])
                assert obstacle.slug in resolution.obstacles


@given(_modules())
def test_everybody_in_a_cycle_is_told_so(modules):
    resolution = resolve(modules, CORE)

    for obstacles in resolution.obstacles.values():
        for obstacle in obstacles:
            if isinstance(obstacle, Cycle):
                for slug in obstacle.slugs:
                    assert any(isinstance(it, Cycle) for it in resolution.obstacles[slug])


@given(_modules())
def test_a_module_nobody_needs_changes_nothing_for_the_others(modules):
    before = resolve(modules, CORE)
    after = resolve([*modules, module("zeta", "alpha")], CORE)

    assert tuple(slug for slug in after.order if slug != "zeta") == before.order
    assert {slug: it for slug, it in after.obstacles.items() if slug != "zeta"} == before.obstacles


def test_needs_start_first_and_ties_are_broken_by_name():
    modules = [module("alpha", "gamma"), module("beta"), module("gamma", "lumina-core>=0.1"), module("delta")]

    assert resolve(modules, CORE).order == ("beta", "delta", "gamma", "alpha")


def test_an_obstacle_says_what_is_the_matter():
    modules = [
        module("alpha", "nowhere >= 2"),
        module("beta", "lumina-core >= 9"),
        module("gamma", "delta"),
        module("delta", "gamma"),
        module("epsilon", "alpha"),
    ]

    said = {slug: [str(it) for it in found] for slug, found in resolve(modules, CORE).obstacles.items()}

    assert said == {
        "alpha": ["it needs nowhere >=2, which is not there"],
        "beta": ["it needs lumina-core >=9, and 0.3.0 is there"],
        "gamma": ["it needs itself: gamma → delta → gamma"],
        "delta": ["it needs itself: delta → gamma → delta"],
        "epsilon": ["it needs alpha, which cannot run itself"],
    }


def test_a_module_that_needs_itself_is_a_cycle_of_one():
    obstacles = resolve([module("alpha", "alpha")], CORE).obstacles

    assert obstacles["alpha"] == (Cycle(("alpha", "alpha")),)


def test_what_stands_on_a_blocked_module_is_blocked_too():
    modules = [module("alpha", "nowhere"), module("beta", "alpha"), module("gamma", "beta")]

    assert resolve(modules, CORE).obstacles["gamma"] == (Blocked("beta"),)


def test_a_module_that_is_there_and_broken_blocks_what_needs_it():
    obstacles = resolve([module("alpha", "beta")], CORE, broken={"beta"}).obstacles

    assert obstacles["alpha"] == (Blocked("beta"),)
