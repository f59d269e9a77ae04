"""Blue/green: all calls to a version that is warm, and back to the route before. Pure.

Nothing has to be loaded on either way: a gateway's workers turn to the new route as soon as they hear of it.
"""

import dataclasses

from gnomon.domain import Arm, Role, Route
from gnomon.errors import RouteInvalid


def switched(route: Route, version: int) -> Route:
    """`version` takes all calls that no rule takes; whatever answered until now stays warm.

    Raises: RouteInvalid: the route does not have it loaded, or it has all calls already.
    """
    if version not in route.loaded:
        raise RouteInvalid(
            f"version {version} of {route.model} is not warm under epoch {route.revision}, which loads "
            f"{list(route.loaded)}; name it in a route first, as a warm version"
        )
    if route.stable.version == version and not route.canaries:
        raise RouteInvalid(f"version {version} of {route.model} has all calls already, under epoch {route.revision}")
    shadows = tuple(arm for arm in route.with_role(Role.SHADOW) if arm.version != version)
    beside = {version, *(arm.version for arm in shadows)}
    return dataclasses.replace(
        route,
        arms=(Arm(version=version, role=Role.STABLE), *shadows),
        warm=tuple(number for number in route.loaded if number not in beside),
    )


def reverted(current: Route, before: Route) -> Route:
    """The route before, as it was; what answers now stays warm besides.

    Raises: RouteInvalid: a version of it is not loaded under the current one.
    """
    missing = sorted(set(before.loaded) - set(current.loaded))
    if missing:
        raise RouteInvalid(
            f"epoch {before.revision} of {before.model} has versions {missing} that are not warm under epoch "
            f"{current.revision}: going back is not instant. Set that route anew, and they are loaded first"
        )
    arms = {arm.version for arm in before.arms}
    warm = {*before.warm, *(number for number in current.answering if number not in arms)}
    return dataclasses.replace(before, warm=tuple(sorted(warm)))
