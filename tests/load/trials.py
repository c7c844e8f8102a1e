"""What happens to the gateways while mail flows, and what must hold then."""

import copy
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import former

from lab.wait import until
from load.count import Cut
from load.far import Far
from load.place import GATEWAYS, Place, settings, timed
from load.senders import Load, queue_up
from load.watch import Watch
from ops import engine
from ops.errors import StackError
from ops.lab import power, region, stack
from ops.lab.target import named
from ops.outputs import Host
from ops.terminal import notes

GONE_SECONDS, BACK_SECONDS = 90.0, 300.0
QUEUED = 200
# a host of a wrong change gets so far that it can say what is wrong
SET_UP_MINUTES = 4


@dataclass
class Scene:
    """A trial under way: the place, what is seen, and for how many seconds it goes on at least."""

    place: Place
    watch: Watch
    load: Load
    far: Far
    seconds: float
    cuts: list[Cut] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)  # figures for the report
    wrong: list[str] = field(default_factory=list)  # what does not hold

    def need(self, holds: bool, otherwise: str) -> None:
        """Note what does not hold."""
        if not holds:
            self.wrong.append(otherwise)

    def say(self, text: str) -> None:
        """A figure for the report, and a line for who waits."""
        self.seen.append(text)
        notes.print(text, soft_wrap=True)

    def host(self, name: str) -> Host:
        """A gateway by its name."""
        return self.place.outputs.host(name)


def quiet(scene: Scene) -> None:
    """Nothing happens: what the load is without it."""
    time.sleep(scene.seconds)
    _serve_all_the_time(scene, len(scene.place.outputs.taking))


def gateway(scene: Scene) -> None:
    """The last gateway loses its power, and gets it back."""
    lost = scene.place.outputs.taking[-1]
    _cut(scene, power.Kind.HOST, lost.name, [lost])


def zone(scene: Scene) -> None:
    """The zone without client hosts loses its power, and gets it back."""
    where = {host: found.zone for host, found in region.instances(scene.place.lab).items()}
    with_clients = {where[client.name] for client in scene.place.outputs.clients}
    lost = [h for h in scene.place.outputs.taking if where[h.name] not in with_clients]
    _cut(scene, power.Kind.ZONE, where[lost[0].name], lost)


def rebuild(scene: Scene) -> None:
    """A change that rebuilds every gateway."""
    config = scene.place.config()
    inbound = config.get("mail-relay:inbound", {}).get("dmarc", "enforce")
    config["mail-relay:inbound"] = {"dmarc": "enforce" if inbound == "mark" else "mark"}
    _rebuilt(scene, config)


def _rebuilt(scene: Scene, config: dict[str, Any]) -> None:
    """An `up` that rebuilds every gateway, one after another."""
    time.sleep(scene.seconds / 10)
    before, began = scene.place.instances(), time.monotonic()
    scene.place.apply(config)
    scene.say(f"`up`: {time.monotonic() - began:.0f} s")
    after = scene.place.instances()
    scene.need(
        all(after[name] != before[name] for name in before), f"not all were rebuilt: {after}"
    )
    _serve_all_the_time(scene, len(before) - 1)
    _rest(scene, began)


def broken(scene: Scene) -> None:
    """A change whose hosts cannot serve stops at the first gateway, and is taken back."""
    time.sleep(scene.seconds / 10)
    config, before, began = scene.place.config(), scene.place.instances(), time.monotonic()
    wrong = {**config, "mail-relay:acme": {"directory": "https://acme.invalid/directory"}}
    wrong["mail-relay:wait"] = {"minutes": SET_UP_MINUTES}
    try:
        scene.place.apply(wrong)
    except StackError as error:
        _told(scene, str(error), "certificate", began)
    else:
        scene.wrong.append("`up` did not fail")
    _only_the_first_is_another(scene, before)
    _taken_back(scene, config, before, "`up` with the change taken back")


def release(scene: Scene) -> None:
    """A release whose Dovecot does not start stops at the first gateway; so does the next `up`."""
    time.sleep(scene.seconds / 10)
    config, before, began = scene.place.config(), scene.place.instances(), time.monotonic()
    scene.place.apply({**config, "mail-relay:wait": {"minutes": SET_UP_MINUTES}})
    worse = _worse_release(scene.place.lab.directory / "release")
    ended = _up(worse, scene.place)
    scene.need(ended.returncode != 0, "`up` did not fail")
    _told(scene, ended.stdout + ended.stderr, "dovecot", began)
    _only_the_first_is_another(scene, before)
    _taken_back(scene, config, before, "`up` of the release before")


def upgrade(scene: Scene) -> None:
    """Hosts of the release before are taken over by this one, one gateway after another."""
    _rebuilt(scene, scene.place.config())


def former_release(here: Place) -> None:
    """Have all hosts be those of the release before, whose program reads no later status."""
    tree = former.unpacked(here.lab.directory / "former")
    (tree / ".venv").symlink_to((engine.PROJECT / ".venv").resolve())
    config = here.config()
    here.apply({**config, "mail-relay:wait": {"minutes": 0}})  # so that nobody asks who serves
    _done(_up(tree, here))
    file = stack.own_file(here.lab)
    file.write_text(file.read_text().replace("minutes: 0", "minutes: 10"))
    _done(_up(tree, here))
    here.outputs = named(here.lab.name).outputs()


def _up(tree: Path, here: Place) -> subprocess.CompletedProcess[str]:
    """`pulumi up` of the lab's stack by another tree's program."""
    command = [str(tree / "relay"), "pulumi", "--lab", here.lab.name]
    arguments = ["up", "--yes", "--skip-preview"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


def _done(ended: subprocess.CompletedProcess[str]) -> None:
    if ended.returncode != 0:
        raise StackError(ended.stdout + ended.stderr)


def removal(scene: Scene) -> None:
    """The first gateway is taken away, with mail that waits on each of them."""
    here, far = scene.place, scene.far
    far.defers = True
    for host in here.outputs.gateways:
        queue_up(scene.load, host.address, QUEUED)
    first, *others = here.outputs.gateways
    before, config = here.instances(), here.config()
    draining, left = copy.deepcopy(config), copy.deepcopy(config)
    draining[GATEWAYS][0]["drain"] = True
    del left[GATEWAYS][0]
    _refused(scene, left, "takes mail")
    here.apply(draining)
    scene.need(here.instances() == before, "a gateway was rebuilt to drain")
    for _ in range(2):  # at once, and when it has long written that mail waits
        _refused(scene, left, first.name)
        until("it has written its status", lambda: _waits(scene, left), 180, 10)
    scene.say(f"{here.queued(first)} messages wait on {first.name}, which is not taken away")
    far.defers = False
    drained = timed(lambda: here.empty(900))
    scene.say(f"drained in {drained:.0f} s")
    began = time.monotonic()
    until(f"{first.name} may go", lambda: _applied(here, left), 480, 15)
    scene.say(f"taken away {time.monotonic() - began:.0f} s after that")
    kept = {host.name: host.instance_id for host in others}
    scene.need(here.instances() == kept, f"{here.instances()}, not {kept}")
    _serve_all_the_time(scene, len(others))


def growth(scene: Scene) -> None:
    """The gateway that `removal` took away is added, with mail that waits on the others."""
    here, config = scene.place, scene.place.config()
    names = {each["name"] for each in config[GATEWAYS]}
    missing = [each for each in settings()[GATEWAYS] if each["name"] not in names]
    if not missing:
        scene.wrong.append("no gateway of the example is missing: try `removal growth`")
        return
    scene.far.defers = True
    for host in here.outputs.gateways:
        queue_up(scene.load, host.address, QUEUED)
    before = here.instances()
    took = timed(lambda: here.apply({**config, GATEWAYS: [*config[GATEWAYS], missing[0]]}))
    scene.say(f"`up`: {took:.0f} s")
    scene.need(before.items() <= here.instances().items(), f"{here.instances()}, not {before} too")
    scene.watch.follow(here.outputs)
    name = missing[0]["name"]
    scene.need(scene.watch.back(name, BACK_SECONDS), f"{name} is no answer")
    waiting = {host.name: here.queued(host) for host in here.outputs.gateways}
    scene.say(f"messages that wait: {waiting}")
    scene.far.defers = False
    scene.say(f"drained in {timed(lambda: here.empty(900)):.0f} s")
    _serve_all_the_time(scene, len(before))


def switch(scene: Scene) -> None:
    """From answers to a load balancer, by way of one gateway alone, and back."""
    here, config, before = scene.place, scene.place.config(), scene.place.instances()
    alone, changed = copy.deepcopy(config), copy.deepcopy(config)
    for each in alone[GATEWAYS][1:]:
        each["drain"] = True
    changed["mail-relay:inbound"] = {"dmarc": "mark"}
    submission = {**config["mail-relay:submission"], "loadBalancer": True}
    balanced = {**config, "mail-relay:submission": submission}
    _step(scene, "one gateway alone", alone)
    # those whose drain ends in the same `up` do not stand in for it
    _refused(scene, changed, "does not lead to it")
    _step(scene, "one gateway alone, again", alone)
    _step(scene, "the load balancer", balanced)
    _step(scene, "answers", config)
    scene.need(here.instances() == before, f"{here.instances()}, not {before}")


def _step(scene: Scene, what: str, config: dict[str, Any]) -> None:
    began, sent = time.monotonic(), len(scene.load.sent)
    scene.place.apply(config)
    scene.say(f"{what}: `up` took {time.monotonic() - began:.0f} s")
    time.sleep(scene.seconds / 10)
    tried = [m for m in list(scene.load.sent)[sent:] if m.tries]
    longest = max((m.longest for m in tried), default=0.0)
    scene.say(f"{what}: {len(tried)} tried more than once, longest attempt {longest:.0f} s")


def _applied(here: Place, config: dict[str, Any]) -> bool:
    try:
        here.apply(config)
    except StackError as error:
        if "discard" not in str(error):
            raise
        return False
    return True


def _refused(scene: Scene, config: dict[str, Any], word: str) -> str:
    """That an `up` takes no gateway away; what it says."""
    said = ""
    try:
        scene.place.apply(config)
    except StackError as error:
        said = str(error)
    scene.need(word in said, f"not refused with {word!r}: {said[-500:]}")
    return said


def _waits(scene: Scene, config: dict[str, Any]) -> bool:
    return "still had" in _refused(scene, config, "discard")


def _cut(scene: Scene, kind: power.Kind, name: str, lost: list[Host]) -> None:
    """Cut, see it leave the answers, let it be without power for a while, mend, see it back."""
    time.sleep(scene.seconds / 10)
    began, lab = time.monotonic(), scene.place.lab
    cuts = [Cut(host.address, time.time()) for host in lost]
    scene.cuts += cuts
    power.cut(lab, kind, name)
    try:
        for host in lost:
            gone = scene.watch.gone(host.name, GONE_SECONDS)
            seconds = time.monotonic() - began
            scene.need(gone, f"{host.name} still is an answer after {seconds:.0f} s")
            scene.say(f"{host.name} was no answer after {seconds:.0f} s")
        time.sleep(max(0.0, began + scene.seconds / 3 - time.monotonic()))
    finally:
        power.mend(lab, kind, name)
    mended = time.monotonic()
    for cut, host in zip(cuts, lost, strict=True):
        back = scene.watch.back(host.name, BACK_SECONDS)
        cut.until, seconds = time.time(), time.monotonic() - mended
        scene.need(back, f"{host.name} is not back after {seconds:.0f} s")
        scene.say(f"{host.name} served and was an answer {seconds:.0f} s after the power was back")
    _rest(scene, began)


def _told(scene: Scene, said: str, word: str, began: float) -> None:
    first = scene.place.outputs.gateways[0].name
    scene.say(f"`up` failed after {time.monotonic() - began:.0f} s")
    words = [line.strip() for line in said.splitlines() if word in line]
    scene.need(bool(words), f"no line of {word}: {said[-1500:]}")
    scene.need(f"{first} (i-" in said, f"{first} is not named: {said[-1500:]}")
    scene.seen += [line[:200] for line in words[:2]]


def _only_the_first_is_another(scene: Scene, before: dict[str, str]) -> None:
    """The other gateways are the machines that they were, and serve."""
    now = {name: found.id for name, found in region.instances(scene.place.lab).items()}
    first, *others = before
    scene.need(now.get(first) != before[first], f"{first} is the machine that it was")
    for name in others:
        scene.need(now.get(name) == before[name], f"{name} is another machine: {now.get(name)}")


def _taken_back(scene: Scene, config: dict[str, Any], before: dict[str, str], what: str) -> None:
    """The next `up`, as things were before the change, mends it; `what` names that for people."""
    began = time.monotonic()
    scene.place.apply(config)
    scene.say(f"{what}: {time.monotonic() - began:.0f} s")
    _after_the_mend(scene, before)


def _after_the_mend(scene: Scene, before: dict[str, str]) -> None:
    first = next(iter(before))
    until(f"{first} serves", lambda: scene.watch.back(first, BACK_SECONDS), BACK_SECONDS)
    after = scene.place.instances()
    others = [name for name in before if name != first and after[name] != before[name]]
    scene.need(not others, f"rebuilt without need: {others}")
    _serve_all_the_time(scene, len(before) - 1)


def _worse_release(folder: Path) -> Path:
    """A copy of this program whose Dovecot gets a setting that it does not know."""
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns(".git", ".venv", "__pycache__", ".pytest_cache")
    shutil.copytree(engine.PROJECT, folder, ignore=ignored)
    (folder / ".venv").symlink_to((engine.PROJECT / ".venv").resolve())
    file = folder / "templates/gateway/etc/dovecot/dovecot.conf.j2"
    file.write_text(file.read_text() + "setting_of_another_version = yes\n")
    return folder


def _serve_all_the_time(scene: Scene, least: int) -> None:
    found = scene.watch.least
    scene.need(found >= least, f"only {found} gateways served at one moment, not {least}")


def _rest(scene: Scene, began: float) -> None:
    """Go on until the trial's time is over."""
    time.sleep(max(0.0, began + scene.seconds * 0.9 - time.monotonic()))


TRIALS: dict[str, Callable[[Scene], None]] = {
    act.__name__: act
    for act in (quiet, gateway, zone, rebuild, broken, release, upgrade, removal, growth, switch)
}
# What is done before the load begins.
PREPARED: dict[str, Callable[[Place], None]] = {upgrade.__name__: former_release}
