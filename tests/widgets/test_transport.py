"""Time in the players: `transport.js` run by node, with a clock that only the test moves."""

import json
import shutil
import subprocess

import pytest

from lic_lab.widgets.panel import front

pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="needs node to run JavaScript")
STAGE = """
let now = 0, next = null;
const performance = { now: () => now };
const requestAnimationFrame = (tick) => ((next = tick), 1);
const cancelAnimationFrame = () => (next = null);
const matchMedia = () => ({ matches: false });
const devicePixelRatio = 1;
class ResizeObserver { observe() {} }
const page = { setAttribute() {}, append() {}, set textContent(_) {} };
const document = { createElement: () => page };
"""
PLAYER = """
const state = { playing: true, position: 0, speed: 60 }, handlers = {};
const model = {
  get: (key) => state[key],
  set: (key, value) => {
    const other = state[key] !== value;
    state[key] = value;
    if (other) (handlers[`change:${key}`] ?? []).forEach((handler) => handler());
  },
  on: (event, handler) => (handlers[event] ??= []).push(handler),
  save_changes() {},
};
class Player extends Transport {
  constructor() {
    super(model, [], [15, 60, 240], "Token");
    this.play = this.canvas = this.slider = this.root = page;
    this.listen([]);
    this.run();
  }
  length() { return 1024; }
}
const player = new Player();
const frame = (milliseconds) => { now += milliseconds; next?.(); };
const seen = [];
const look = () => seen.push(state.position);
"""


def played(script: str) -> list[int]:
    """The positions at which a script looked."""
    text = "\n".join([STAGE, front("page.js", "transport.js"), PLAYER, script, "console.log(JSON.stringify(seen));"])
    done = subprocess.run(["node", "-e", text], capture_output=True, text=True, timeout=60)
    assert not done.stderr, done.stderr
    return json.loads(done.stdout)


def test_a_player_walks_at_its_speed():
    assert played("frame(1000); look(); frame(500); look();") == [60, 90]


@pytest.mark.parametrize("change", ["model.set('speed', 240);", "player.speedBy(1);"])
def test_another_speed_counts_from_where_the_player_is_whoever_sets_it(change):
    assert played(f"frame(5000); look(); {change} frame(50); look(); frame(1000); look();") == [300, 312, 552]


def test_a_position_that_python_or_another_view_sets_is_where_it_goes_on():
    assert played("frame(5000); look(); model.set('position', 0); frame(50); look();") == [300, 3]
    assert played("frame(5000); model.set('position', 900); frame(500); look();") == [930]
