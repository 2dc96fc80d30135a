"""What an answer may not do is refused in words, in a process of its own, and what counts is written down."""

import json
import platform
import subprocess
import sys

import pytest

from lic_lab.course.landlock import version
from lic_lab.course.seccomp import CALLS

GUARDED = """
import json, os, sys
from lic_lab.course.guard import arm
own, hidden, bait = sys.argv[1:4]
told = []
import shutil, subprocess, socket, tempfile
arm([own], [hidden], [os.path.dirname(os.__file__)], told.append)
os.chdir(own)
try:
    exec(sys.argv[4])
    refused = ""
except PermissionError as error:
    refused = str(error)
os.write(1, json.dumps([refused, told]).encode())
"""

WALLED = """
import sys
from lic_lab.course.landlock import restrict
import ctypes, os, socket, sys
own, bait = sys.argv[1:3]
read = [os.path.dirname(os.__file__), sys.prefix, sys.base_prefix, "/usr", "/lib", "/lib64", "/proc"]
restrict(read, [own, os.devnull])
try:
    exec(sys.argv[3])
    print("done")
except PermissionError:
    print("refused")
"""

ALONE = """
import ctypes, os, socket, threading
from lic_lab.course.seccomp import stay_alone
go = threading.Event()
def act():
    go.wait()
    try:
        {act}
        print("done")
    except PermissionError:
        print("refused", flush=True)
early = threading.Thread(target=act)
early.start()
assert stay_alone()
socket.socketpair()
thread = threading.Thread(target=print, args=("threads and local sockets work",), kwargs=dict(flush=True))
thread.start(); thread.join()
go.set()
early.join()
act()
"""

COUNTED = {
    "delete a file": "os.remove(bait)",
    "delete a file by its folder": "os.unlink('bait.txt', dir_fd=os.open(os.path.dirname(bait), os.O_RDONLY))",
    "overwrite a file": "open(bait, 'w')",
    "add to a file": "open(bait, 'a')",
    "open a file for changes": "os.open(bait, os.O_RDWR)",
    "overwrite a file behind a link": "os.symlink(bait, 'link'); open('link', 'w')",
    "cut a file off": "os.truncate(bait, 0)",
    "move a file away": "os.rename(bait, 'mine')",
    "put a file in the place of another": "open('mine', 'w').close(); os.replace('mine', bait)",
    "link a file into the own folder": "os.link(bait, 'mine')",
    "change the rights of a file": "os.chmod(bait, 0)",
    "change the time of a file": "os.utime(bait)",
    "delete a folder": "shutil.rmtree(os.path.dirname(bait))",
    "run a program": "subprocess.run(['rm', bait])",
    "run a shell": "os.system('true')",
    "fork": "os.fork()",
    "become another program": "os.execv('/bin/true', ['true'])",
    "spawn": "os.posix_spawn('/bin/true', ['true'], {})",
    "end a process": "os.kill(os.getppid(), 9)",
    "end a group of processes": "os.killpg(os.getpgid(0), 9)",
}

REFUSED = {
    "make a file elsewhere": "open(os.path.join(os.path.dirname(bait), 'new'), 'w')",
    "make a folder elsewhere": "os.mkdir(os.path.join(os.path.dirname(bait), 'new'))",
    "read what is hidden": "open(os.path.join(hidden, 'solution.txt')).read()",
    "list what is hidden": "os.listdir(hidden)",
    "use the network": "socket.socket().connect(('127.0.0.1', 9))",
    "learn about the machine": "subprocess.run(['uname', '-p'])",
    "raise its limits": "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
    "look for the guard": "import gc; gc.get_objects()",
}

ALLOWED = {
    "write in its own folder": "open('mine', 'w').write('x'); os.rename('mine', 'yours'); os.remove('yours')",
    "make and remove folders in it": "os.makedirs('a/b'); shutil.rmtree('a')",
    "use temporary files in it": "tempfile.TemporaryFile(dir=own).write(b'x')",
    "read installed code": "open(os.__file__).read()",
    "throw output away": "open(os.devnull, 'w').write('x')",
}


@pytest.fixture
def places(tmp_path):
    """A folder of one's own, one that is hidden, and a file that is neither."""
    for name in ("own", "hidden", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "hidden" / "solution.txt").write_text("42")
    bait = tmp_path / "elsewhere" / "bait.txt"
    bait.write_text("precious")
    return tmp_path / "own", tmp_path / "hidden", bait


def guarded(places, act: str) -> tuple[str, list[str]]:
    """What the refusal of an act says, and what was written down, in a fresh process."""
    command = [sys.executable, "-c", GUARDED, *map(str, places), act]
    return tuple(json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout))


@pytest.mark.parametrize("act", COUNTED.values(), ids=COUNTED)
def test_an_attempt_on_what_is_not_its_own_is_refused_and_written_down(places, act):
    refused, told = guarded(places, act)
    assert refused.startswith("an answer may not")
    assert len(told) >= 1
    assert (places[2].read_text(), sorted(path.name for path in places[2].parent.iterdir())) == (
        "precious",
        ["bait.txt"],
    )


@pytest.mark.parametrize("act", REFUSED.values(), ids=REFUSED)
def test_what_does_no_harm_is_refused_and_not_held_against_it(places, act):
    refused, told = guarded(places, act)
    assert refused.startswith("an answer may not")
    assert told == []


@pytest.mark.parametrize("act", ALLOWED.values(), ids=ALLOWED)
def test_in_its_own_folder_an_answer_may_do_what_it_likes(places, act):
    assert guarded(places, act) == ("", [])


@pytest.mark.skipif(not version(), reason="needs Linux with Landlock")
@pytest.mark.parametrize(
    "act",
    [
        "os.remove(bait)",
        "open(bait)",
        "open(bait, 'w')",
        "os.listdir(os.path.dirname(bait))",
        "os.rename(bait, own + '/mine')",
        "os.symlink('x', bait + '2')",
        pytest.param(
            "socket.socket().connect(('127.0.0.1', 9))",
            marks=pytest.mark.skipif(version() < 4, reason="needs Landlock 4"),
        ),
        pytest.param("os.kill(os.getppid(), 0)", marks=pytest.mark.skipif(version() < 6, reason="needs Landlock 6")),
    ],
)
def test_the_wall_refuses_by_the_system_what_no_hook_is_asked_about(places, act):
    command = [sys.executable, "-c", WALLED, str(places[0]), str(places[2]), act]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said == "refused\n"
    assert places[2].read_text() == "precious"


@pytest.mark.skipif(platform.machine() not in CALLS or sys.platform != "linux", reason="needs Linux's seccomp")
@pytest.mark.parametrize(
    "act",
    ["os.fork()", "os.execv('/bin/true', ['true'])", "os.posix_spawn('/bin/true', ['true'], {})", "socket.socket()",
     "socket.socket(type=socket.SOCK_DGRAM)", "ctypes.CDLL(None).fork() == -1 and os.fork()"],
)  # fmt: skip
def test_nothing_starts_a_process_or_reaches_the_network_in_threads_that_ran_before_either(act):
    code = ALONE.format(act=act)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout
    assert said == "threads and local sockets work\nrefused\nrefused\n"


@pytest.mark.skipif(not version(), reason="needs Linux with Landlock")
def test_behind_the_wall_the_own_folder_is_free(places):
    act = "a, b = own + '/a', own + '/b'; open(a, 'w').write('x'); os.rename(a, b); os.remove(b); open(os.devnull, 'w')"
    command = [sys.executable, "-c", WALLED, str(places[0]), str(places[2]), act]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout == "done\n"
