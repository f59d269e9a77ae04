"""The profiles of versions, by which gateways bin what they count of them. Held in memory: they never change."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from gnomon.errors import ArtifactCorrupt, Precondition
from gnomon.rollout import Policy
from registry.artifacts import Artifacts
from registry.catalog import Catalog
from registry.threads import Lane

if TYPE_CHECKING:
    from gnomon.stats.profile import Profile

KEPT = 32

ProfileOf = Callable[[str, int], Awaitable["Profile | None"]]


class Profiles:
    """Owner: the event loop."""

    def __init__(self, catalog: Catalog, artifacts: Artifacts, store: Lane, files: Lane) -> None:
        self._catalog = catalog
        self._artifacts = artifacts
        self._store = store
        self._files = files
        self._kept: dict[str, Profile] = {}  # by digest

    async def of(self, model: str, number: int) -> "Profile | None":
        """None: it was registered without one. Raises: VersionNotFound, ArtifactCorrupt."""
        version = await self._store.run(self._catalog.get_version, model, number)
        digest = version.profile_sha256
        if digest and digest not in self._kept:
            self._kept[digest] = await self._files.run(self._read, digest)
            if len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return self._kept[digest] if digest else None

    def _read(self, digest: str) -> "Profile":
        from gnomon.stats.profile import Profile  # a registry without such gates need not load it

        try:
            return Profile.from_bytes(b"".join(self._artifacts.read(digest)))
        except ValueError as error:
            raise ArtifactCorrupt(f"profile {digest}: {error}") from None


async def check_profiles(policy: Policy, profile_of: ProfileOf, model: str, candidate: int, baseline: int) -> None:
    """Raises: Precondition: a gate of the policy needs a profile that is not there, so it could never answer."""
    if policy.max_score_psi is None and policy.max_score_ks is None and policy.max_input_psi is None:
        return
    ours, theirs = await profile_of(model, candidate), await profile_of(model, baseline)
    if policy.max_input_psi is not None and (ours is None or not ours.monitors[ours.inputs]):
        raise Precondition(f"max_input_psi: version {candidate} of {model!r} has no profile of its inputs")
    if policy.max_score_psi is not None or policy.max_score_ks is not None:
        common = set() if ours is None or theirs is None else scores_of(ours) & scores_of(theirs)
        if not common:
            raise Precondition(
                f"max_score_psi, max_score_ks: the profiles of versions {candidate} and {baseline} of {model!r} have "
                "no score in common: nothing to compare"
            )


def scores_of(profile: "Profile") -> set[str]:
    return {monitor.name for monitor in profile.monitors[profile.scores]}
